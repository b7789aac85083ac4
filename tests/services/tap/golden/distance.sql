SELECT "t1"."objectId" AS "c1", CAST(degrees((2 * asin(least(1.0e0, sqrt((pow(sin((radians(("t1"."dec" - (-37.0e0))) / 2)), 2) + ((cos(radians("t1"."dec")) * 0.7986355100472928e0) * pow(sin((radians(("t1"."ra" - 62.0e0)) / 2)), 2)))))))) AS DOUBLE) AS "c2"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
WHERE (("t1"."dec" BETWEEN (-37.100000001999994e0) AND (-36.899999998000006e0)) AND ("t1"."ra" BETWEEN 61.874786395581985e0 AND 62.125213604418015e0) AND (degrees((2 * asin(least(1.0e0, sqrt((pow(sin((radians(("t1"."dec" - (-37.0e0))) / 2)), 2) + ((cos(radians("t1"."dec")) * 0.7986355100472928e0) * pow(sin((radians(("t1"."ra" - 62.0e0)) / 2)), 2)))))))) < 0.1e0))
ORDER BY 2 ASC NULLS LAST
LIMIT 101
