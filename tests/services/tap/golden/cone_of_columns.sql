SELECT "t2"."objectId" AS "c1", "t3"."id" AS "c2"
FROM "dataset_dp01"."dp01_dc2_catalogs"."object" AS "t2" INNER JOIN "dataset_dp01"."dp01_dc2_catalogs"."truth_match" AS "t3" ON (("t2"."dec" BETWEEN ("t3"."dec" - (0.0003e0 + 1e-09)) AND ("t3"."dec" + (0.0003e0 + 1e-09))) AND ((pow(sin((radians(("t2"."dec" - "t3"."dec")) / 2)), 2) + ((cos(radians("t2"."dec")) * cos(radians("t3"."dec"))) * pow(sin((radians(("t2"."ra" - "t3"."ra")) / 2)), 2))) <= 6.853891945185285e-12))
LIMIT 101
