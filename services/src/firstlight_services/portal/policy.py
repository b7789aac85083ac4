"""Pure decisions of the portal: what a cone search means, where a login may lead."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

from firstlight_common.runtime import DataSet
from firstlight_services.portal.models import Column, Cone, ConeForm, Table
from firstlight_services.web.errors import Kind, ServiceError

__all__ = [
    "HOME",
    "MAX_ROWS",
    "cone_adql",
    "cone_form",
    "find_table",
    "position_columns",
    "python_snippet",
    "read_cone",
    "safe_next",
    "with_catalogs",
]

HOME = "/portal/app"
"""Where the catalog pages begin."""

MAX_ROWS = 100
"""How many rows a cone search shows."""

_MAX_RADIUS = 1.0
_FIRST_RADIUS = "0.02"
_SHOWN_COLUMNS = 12
_DISTANCE = ("distance", "distance_from_centre")
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
    try:
        parts = urlsplit(value)
    except ValueError:  # such as http://[x
        return default
    inside = parts.path.startswith("/portal/") and ".." not in unquote(parts.path).split("/")
    return value if inside and not parts.scheme and not parts.netloc else default


def position_columns(columns: tuple[Column, ...]) -> tuple[str, str] | None:
    """Return the columns that hold a table's positions, found by the usual names or by UCD."""
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


def with_catalogs(data_sets: Iterable[DataSet]) -> tuple[DataSet, ...]:
    """Return the data sets that have catalogs."""
    return tuple(data_set for data_set in data_sets if data_set.felis is not None)


def cone_form(typed: Mapping[str, str], data_sets: Iterable[DataSet]) -> ConeForm:
    """Return the form's fields: what was typed, else where the first data set has something.

    Parameters
    ----------
    typed
        Those of the fields that the request has, by name.
    """
    positions = (data_set.position for data_set in data_sets if data_set.position)
    start = next(positions, None)
    return ConeForm(
        table=typed.get("table", ""),
        ra=typed.get("ra", str(start.ra) if start else ""),
        dec=typed.get("dec", str(start.dec) if start else ""),
        radius=typed.get("radius", _FIRST_RADIUS),
    )


def find_table(tables: Iterable[Table], name: str) -> Table:
    """Return the table with a name.

    Raises
    ------
    ServiceError
        INVALID if there is no such table.
    """
    for table in tables:
        if table.name == name:
            return table
    raise ServiceError(
        "no_table",
        "There is no such table.",
        hint="Choose one from the list.",
        kind=Kind.INVALID,
    )


def read_cone(table: str, ra: str, dec: str, radius: str) -> Cone:
    """Return the cone search that the form's fields mean.

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
    """Return the ADQL of a cone search for the table's principal columns, nearest rows first.

    Raises
    ------
    ServiceError
        INVALID if the table has no positions.

    Notes
    -----
    ADQL 2.1, section 4.2: geometries. Names come from the service's own metadata, but are checked
    nevertheless: only identifiers enter the query.
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
    chosen = [name for name in first if name not in (ra, dec)][: _SHOWN_COLUMNS - 3]
    for name in (table.name, ra, dec, *chosen):
        if not _IDENTIFIER.fullmatch(name):
            raise ServiceError(
                "bad_name", f"{name!r} is not a valid name.", hint="", kind=Kind.INVALID
            )
    taken = {column.name.lower() for column in table.columns}
    distance = next(name for name in _DISTANCE if name not in taken)
    point = f"POINT('ICRS', {ra}, {dec})"
    centre = f"'ICRS', {cone.ra!r}, {cone.dec!r}"
    names = [*chosen[:1], f"DISTANCE({point}, POINT({centre})) AS {distance}", ra, dec, *chosen[1:]]
    return (
        f"SELECT {',\n       '.join(names)}\n"
        f"FROM {table.name}\n"
        f"WHERE CONTAINS({point},\n"
        f"               CIRCLE({centre}, {cone.radius!r})) = 1\n"
        f"ORDER BY {distance}"
    )


def python_snippet(adql: str) -> str:
    """Return Python code that runs the same query in a notebook."""
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
