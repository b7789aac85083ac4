SELECT "t1"."objectId" AS "c1", "t1"."ra" AS "c2", "t1"."dec" AS "c3", "t1"."mag_i" AS "c4", "t1"."clean" AS "c5"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
WHERE ((("t1"."dec" BETWEEN (-37.050000000999994e0) AND (-36.949999999000006e0)) AND ("t1"."ra" BETWEEN 61.937393211327795e0 AND 62.062606788672205e0) AND ((pow(sin((radians(("t1"."dec" - (-37.0e0))) / 2)), 2) + ((cos(radians("t1"."dec")) * 0.7986355100472928e0) * pow(sin((radians(("t1"."ra" - 62.0e0)) / 2)), 2))) <= 1.9038587528443114e-07)) AND ("t1"."mag_i" < 24))
LIMIT 100
