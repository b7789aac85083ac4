"""Pure decisions of the portal: what a cone search means, where a login may lead."""

from __future__ import annotations

import math
import re
from urllib.parse import urlsplit

from firstlight_services.portal.models import Column, Cone, Table
from firstlight_services.web.errors import Kind, ServiceError

__all__ = ["MAX_ROWS", "cone_adql", "position_columns", "python_snippet", "read_cone", "safe_next"]

MAX_ROWS = 100
_MAX_RADIUS = 1.0
_SHOWN_COLUMNS = 10
_NAME_PAIRS = (("ra", "dec"), ("coord_ra", "coord_dec"), ("ra_truth", "dec_truth"))
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}")


def safe_next(value: str, default: str) -> str:
    r"""Return where to go after a login: a path of the portal, nothing else.

    Notes
    -----
    Browsers read ``//host`` and ``/\host`` as other sites, and drop tabs and newlines.
    """
    if re.search(r"[\\\x00-\x20\x7f]", value):
        return default
    parts = urlsplit(value)
    inside = parts.path.startswith("/portal/") and ".." not in parts.path.split("/")
    return value if inside and not parts.scheme and not parts.netloc else default


def position_columns(columns: tuple[Column, ...]) -> tuple[str, str] | None:
    """Find the columns that hold a table's positions: by UCD, or by the usual names."""
    ra = [c.name for c in columns if c.ucd.lower().startswith("pos.eq.ra")]
    dec = [c.name for c in columns if c.ucd.lower().startswith("pos.eq.dec")]
    main = [c.name for c in columns if "meta.main" in c.ucd.lower()]
    names = {c.name for c in columns}
    for pair in _NAME_PAIRS:
        if names.issuperset(pair):
            return pair
    if ra and dec:
        return (
            next((n for n in ra if n in main), ra[0]),
            next((n for n in dec if n in main), dec[0]),
        )
    return None


def read_cone(table: str, ra: str, dec: str, radius: str) -> Cone:
    """Read the form's fields.

    Raises
    ------
    ServiceError
        INVALID, with the field that is wrong and what it should be.
    """
    return Cone(
        table,
        _number("Right ascension", ra, 0, 360),
        _number("Declination", dec, -90, 90),
        _number("Radius", radius, 0, _MAX_RADIUS, open_start=True),
    )


def cone_adql(cone: Cone, table: Table) -> str:
    """Write the ADQL of a cone search, its columns the table's principal ones.

    Raises
    ------
    ServiceError
        INVALID if the table has no positions.

    Notes
    -----
    ADQL 2.1, section 4.2: geometries. Names come from the service's own metadata, and are
    checked all the same: nothing that is not an identifier enters the query.
    """
    if table.position is None:
        raise ServiceError(
            "no_position",
            f"The table {table.name} has no positions to search around.",
            hint="Choose another table.",
            kind=Kind.INVALID,
        )
    ra, dec = table.position
    first = [c.name for c in table.columns if c.principal] or [c.name for c in table.columns]
    chosen = [name for name in first if name not in (ra, dec)][: _SHOWN_COLUMNS - 2]
    names = [*chosen[:1], ra, dec, *chosen[1:]]
    for name in (table.name, *names):
        if not _IDENTIFIER.fullmatch(name):
            raise ServiceError(
                "bad_name", f"{name!r} cannot be asked for.", hint="", kind=Kind.INVALID
            )
    return (
        f"SELECT {',\n       '.join(names)}\n"
        f"FROM {table.name}\n"
        f"WHERE CONTAINS(POINT('ICRS', {ra}, {dec}),\n"
        f"               CIRCLE('ICRS', {cone.ra!r}, {cone.dec!r}, {cone.radius!r})) = 1"
    )


def python_snippet(adql: str) -> str:
    """Write the same query for a notebook."""
    return (
        "from lsst.rsp import get_tap_service\n\n"
        'service = get_tap_service("tap")\n'
        f'query = """\n{adql}\n"""\n'
        "table = service.search(query).to_table()\n"
        "table"
    )


def _number(label: str, text: str, low: float, high: float, *, open_start: bool = False) -> float:
    try:
        value = float(text.strip())
    except ValueError:
        value = math.nan
    if not (low <= value <= high) or (open_start and value == low):
        above = "more than " if open_start else ""
        raise ServiceError(
            "bad_number",
            f"{label} should be a number from {above}{low:g} to {high:g} degrees.",
            hint="Correct it in the form.",
            kind=Kind.INVALID,
        )
    return value
