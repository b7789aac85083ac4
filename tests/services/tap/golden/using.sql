SELECT "t2"."objectId" AS "c1", "t2"."ra" AS "c2", "t3"."coord_ra" AS "c3"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t2" LEFT JOIN "dataset_dp01"."dp01_dc2_catalogs"."position" AS "t3" ON ("t2"."objectId" = "t3"."objectId")
LIMIT 101
