SELECT "t2"."id" AS "c1", "t3"."mag_i" AS "c2"
FROM "dataset_dp01"."dp01_dc2_catalogs"."truth_match" AS "t2" INNER JOIN "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t3" ON ("t2"."match_objectId" = "t3"."objectId")
WHERE "t3"."clean"
LIMIT 101
