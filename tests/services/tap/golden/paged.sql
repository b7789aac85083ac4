SELECT DISTINCT "t1"."patch" AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
ORDER BY 1 ASC NULLS LAST
LIMIT 101
OFFSET 5
