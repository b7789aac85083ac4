SELECT CAST(floor("t1"."mag_i") AS DOUBLE) AS "c1", CAST((7 / 2) AS DOUBLE) AS "c2", CAST((CAST(7 AS BIGINT) % 2) AS BIGINT) AS "c3", CAST(("t1"."tract" % 3) AS BIGINT) AS "c4", CAST(round(CAST("t1"."ra" AS DOUBLE), CAST(2 AS INTEGER)) AS DOUBLE) AS "c5", CAST(nullif(log10(nullif(("t1"."mag_i" - 20), 0)), 'nan'::DOUBLE) AS DOUBLE) AS "c6", CAST((upper("t1"."patch") || '!') AS VARCHAR) AS "c7", CAST(coalesce("t1"."mag_i", 0) AS DOUBLE) AS "c8", CAST(nullif((31.4e0 - (2.5e0 * log10(nullif("t1"."ra", 0)))), 'nan'::DOUBLE) AS DOUBLE) AS "c9", CAST((- "t1"."ra") AS DOUBLE) AS "c10", CAST(CASE WHEN "t1"."clean" THEN 'yes' ELSE 'no' END AS VARCHAR) AS "c11"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
WHERE (nullif(sqrt(("t1"."mag_i" - 25)), 'nan'::DOUBLE) > 0.5e0)
LIMIT 101
