SELECT "t1"."objectId" AS "c1"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t1"
WHERE (("t1"."dec" BETWEEN 89.399999999e0 AND 90.0e0) AND ((pow(sin((radians(("t1"."dec" - 89.9e0)) / 2)), 2) + ((cos(radians("t1"."dec")) * 0.0017453283658982615e0) * pow(sin((radians(("t1"."ra" - 10.0e0)) / 2)), 2))) <= 1.9038467914355635e-05))
LIMIT 101
