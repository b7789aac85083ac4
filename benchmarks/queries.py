"""Typical queries for DP0.1, from easy to hard; not every side can read all of them."""

from __future__ import annotations

__all__ = ["QUERIES"]

QUERIES: tuple[str, ...] = (
    # --- in the style of Rubin's tutorials
    "SELECT TOP 10 * FROM dp01_dc2_catalogs.object",
    "SELECT COUNT(*) FROM dp01_dc2_catalogs.truth_match",
    """SELECT objectId, ra, dec, mag_g, mag_r, mag_i, magerr_g, magerr_r, magerr_i
        FROM dp01_dc2_catalogs.object
        WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 62.0, -37.0, 0.05)) = 1""",
    """SELECT TOP 1000 ra, dec, mag_g, mag_i, extendedness FROM dp01_dc2_catalogs.object
        WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 61.863, -35.79, 0.1)) = 1
        AND extendedness = 0 AND good = 1 AND clean = 1 AND mag_i < 24.5""",
    """SELECT obj.objectId, obj.ra, obj.dec, obj.mag_i, truth.id, truth.flux_i
        FROM dp01_dc2_catalogs.object AS obj
        JOIN dp01_dc2_catalogs.truth_match AS truth ON truth.match_objectId = obj.objectId
        WHERE CONTAINS(POINT('ICRS', obj.ra, obj.dec), CIRCLE('ICRS', 62.0, -37.0, 0.1)) = 1
        AND truth.match_objectId >= 0 AND truth.is_good_match = 1""",
    """SELECT TOP 100 objectId, scisql_nanojanskyToAbMag(psFlux_g) AS g
        FROM dp01_dc2_catalogs.object WHERE psFlux_g > 100""",
    # --- features of the language
    """SELECT objectId FROM dp01_dc2_catalogs.object
        WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 0.01, 10, 0.0167))""",
    """SELECT objectId, DISTANCE(POINT('ICRS', ra, dec), POINT('ICRS', 62, -37)) AS d
        FROM dp01_dc2_catalogs.object WHERE mag_i BETWEEN 20 AND 22 ORDER BY d""",
    """SELECT patch, COUNT(*) AS n, AVG(mag_i), MAX(mag_i) FROM dp01_dc2_catalogs.object
        GROUP BY patch HAVING COUNT(*) > 3 ORDER BY n DESC, patch""",
    """SELECT objectId, mag_g - mag_r AS colour FROM dp01_dc2_catalogs.object
        WHERE (mag_g - mag_r > 0.5 OR mag_r - mag_i < -1.25e-1) AND NOT mag_i > 25
        AND patch LIKE '3%' AND tract IN (3081, 3082, 4849) AND mag_y IS NOT NULL""",
    """SELECT FLOOR(mag_i), POWER(10, -0.4 * mag_i), LOG10(SQRT(psFlux_i)), ABS(dec)
        FROM dp01_dc2_catalogs.object WHERE MOD(tract, 2) = 1""",
    """SELECT column_name, datatype, description FROM tap_schema.columns
        WHERE table_name = 'dp01_dc2_catalogs.object' ORDER BY column_index""",
    "SELECT DISTINCT tract FROM dp01_dc2_catalogs.object ORDER BY tract OFFSET 5",
    """SELECT q.m, q.tract FROM (SELECT TOP 5 tract, mag_i AS m FROM dp01_dc2_catalogs.object
        ORDER BY mag_i) AS q WHERE q.tract > 3000""",
    """SELECT objectId FROM dp01_dc2_catalogs.object AS o
        WHERE EXISTS (SELECT 1 FROM dp01_dc2_catalogs.position AS p
        WHERE p.objectId = o.objectId AND p.detect_isPrimary = 1)""",
    """SELECT o.objectId, t.id FROM dp01_dc2_catalogs.object AS o
        JOIN dp01_dc2_catalogs.truth_match AS t
        ON CONTAINS(POINT('ICRS', o.ra, o.dec), CIRCLE('ICRS', t.ra, t.dec, 0.0003)) = 1""",
    """SELECT CASE WHEN extendedness = 1 THEN 'galaxy' ELSE 'star' END AS kind, COUNT(*)
        FROM dp01_dc2_catalogs.object GROUP BY extendedness""",
    "SELECT objectId, coord_ra FROM dp01_dc2_catalogs.object JOIN "
    "dp01_dc2_catalogs.position USING (objectId)",
    "SELECT UPPER(patch), COALESCE(mag_i, 99) FROM dp01_dc2_catalogs.object",
    # --- other shapes and set operations
    """SELECT objectId FROM dp01_dc2_catalogs.object WHERE CONTAINS(POINT('ICRS', ra, dec),
        POLYGON('ICRS', 61.9, -37.1, 62.1, -37.1, 62.1, -36.9, 61.9, -36.9)) = 1""",
    """SELECT objectId FROM dp01_dc2_catalogs.object
        WHERE CONTAINS(POINT('ICRS', ra, dec), BOX('ICRS', 62, -37, 0.2, 0.2)) = 1""",
    """SELECT objectId FROM dp01_dc2_catalogs.object WHERE mag_i < 16
        UNION SELECT objectId FROM dp01_dc2_catalogs.object WHERE mag_r < 16""",
)
