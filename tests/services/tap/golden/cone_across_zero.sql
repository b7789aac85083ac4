SELECT "t1"."objectId" AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
WHERE (("t1"."dec" BETWEEN 9.983333332333332e0 AND 10.016666667666668e0) AND (("t1"."ra" BETWEEN 359.9930762221124e0 AND 360.0e0) OR ("t1"."ra" BETWEEN 0.0e0 AND 0.026923777887609572e0)) AND ((pow(sin((radians(("t1"."dec" - 10.0e0)) / 2)), 2) + ((cos(radians("t1"."dec")) * 0.984807753012208e0) * pow(sin((radians(("t1"."ra" - 0.01e0)) / 2)), 2))) <= 2.1153987336024364e-08))
LIMIT 101
