SELECT CAST('it''s "so"; DROP TABLE x --' AS VARCHAR) AS "c1", "t1"."ra" AS "c2"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
LIMIT 101
