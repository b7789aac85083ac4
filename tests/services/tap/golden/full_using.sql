SELECT CAST(coalesce("t2"."objectId", "t3"."objectId") AS BIGINT) AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t2" FULL JOIN "dataset_dp01"."dp01_dc2_catalogs"."position" AS "t3" ON ("t2"."objectId" = "t3"."objectId")
LIMIT 101
