SELECT "t1"."c2" AS "c1", CAST((SELECT CAST(max("t3"."mag_i") AS DOUBLE) AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t3"
WHERE ("t3"."tract" = "t1"."c1")) AS DOUBLE) AS "c2"
FROM (SELECT "t2"."tract" AS "c1", "t2"."mag_i" AS "c2"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t2"
ORDER BY 2 ASC NULLS LAST
LIMIT 5) AS "t1"
WHERE (EXISTS (SELECT CAST(1 AS INTEGER) AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."position" AS "t4") AND ("t1"."c1" IN (SELECT "t5"."tract" AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t5")))
LIMIT 101
