SELECT "t1"."column_name" AS "c1", "t1"."size" AS "c2"
FROM "tap_schema"."tap_schema"."columns" AS "t1"
WHERE ("t1"."table_name" = 'dp01_dc2_catalogs.object')
ORDER BY "t1"."column_index" ASC NULLS LAST
LIMIT 101
