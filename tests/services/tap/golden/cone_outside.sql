SELECT "t1"."objectId" AS "c1"
FROM "dp01_dc2_catalogs"."object" AS "t1"
WHERE (NOT ("t1"."dec" BETWEEN (-38.000000001e0) AND (-35.999999999e0) AND "t1"."ra" BETWEEN 60.74782823533647e0 AND 63.25217176466353e0 AND pow(sin(radians("t1"."dec" - (-37.0e0)) / 2), 2) + cos(radians("t1"."dec")) * 0.7986355100472928e0 * pow(sin(radians("t1"."ra" - 62.0e0) / 2), 2) <= 7.615242180438042e-05))
LIMIT 101
