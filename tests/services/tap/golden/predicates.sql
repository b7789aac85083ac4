SELECT "t1"."objectId" AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
WHERE (("t1"."patch" LIKE '3%') OR ((NOT ("t1"."patch" IN ('1,1', '2,2'))) AND ("t1"."mag_i" BETWEEN (-1) AND 25.5e0) AND (NOT ("t1"."dec" IS NULL)) AND ("t1"."patch" ILIKE '3_4')))
LIMIT 101
