SELECT "t1"."objectId" AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
WHERE (NOT ((pow(sin((radians(("t1"."dec" - (-37.0e0))) / 2)), 2) + ((cos(radians("t1"."dec")) * 0.7986355100472928e0) * pow(sin((radians(("t1"."ra" - 62.0e0)) / 2)), 2))) <= 7.615242180438042e-05))
LIMIT 101
