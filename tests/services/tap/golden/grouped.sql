SELECT "t1"."patch" AS "c1", CAST(count(*) AS BIGINT) AS "c2", CAST(nullif(avg("t1"."mag_i"), 'nan'::DOUBLE) AS DOUBLE) AS "c3", CAST(sum(CAST("t1"."clean" AS INTEGER)) AS BIGINT) AS "c4", CAST(count(DISTINCT "t1"."tract") AS BIGINT) AS "c5"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
GROUP BY "t1"."patch"
HAVING (count(*) > 3)
ORDER BY 2 DESC NULLS LAST, 1 ASC NULLS LAST
LIMIT 101
