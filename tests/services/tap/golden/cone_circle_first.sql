SELECT "t1"."objectId" AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
WHERE (("t1"."dec" BETWEEN (-37.100000001e0) AND (-36.899999999e0)) AND ("t1"."ra" BETWEEN 61.874786396834125e0 AND 62.125213603165875e0) AND ((pow(sin((radians(("t1"."dec" - (-37.0e0))) / 2)), 2) + ((cos(radians("t1"."dec")) * 0.7986355100472928e0) * pow(sin((radians(("t1"."ra" - 62.0e0)) / 2)), 2))) <= 7.615433561505986e-07))
LIMIT 101
