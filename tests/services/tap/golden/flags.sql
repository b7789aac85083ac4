SELECT "t1"."objectId" AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."position" AS "t1"
WHERE ("t1"."detect_isPrimary" AND (NOT "t1"."merge_peak_i"))
LIMIT 101
