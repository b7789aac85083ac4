"""The portal's data: parts of the site, tables of the catalog, a cone search."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Column", "Cone", "Part", "Rows", "SiteState", "Table"]


@dataclass(frozen=True)
class Part:
    """A part of the site, as people know it, and whether it answers."""

    name: str
    title: str
    up: bool


@dataclass(frozen=True)
class SiteState:
    """What the landing page shows live."""

    hub_up: bool
    labs_running: int | None
    people_active: int | None
    parts: tuple[Part, ...]

    def as_json(self) -> dict[str, object]:
        """Return what ``/state.json`` answers."""
        return {
            "hub": {"up": self.hub_up, "people_active": self.people_active},
            "services": [vars(part) for part in self.parts],
            "labs_running": self.labs_running,
        }


@dataclass(frozen=True)
class Column:
    """A column, as the TAP service describes it (VODataService)."""

    name: str
    description: str = ""
    unit: str = ""
    ucd: str = ""
    datatype: str = ""
    principal: bool = False


@dataclass(frozen=True)
class Table:
    """A table, as the TAP service describes it."""

    name: str
    description: str = ""
    columns: tuple[Column, ...] = ()
    position: tuple[str, str] | None = None
    """Names of the columns that hold right ascension and declination, if it has them."""


@dataclass(frozen=True)
class Cone:
    """A circle on the sky; degrees, ICRS."""

    table: str
    ra: float
    dec: float
    radius: float


@dataclass(frozen=True)
class Rows:
    """The first rows of an answer, as text for a page."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    truncated: bool
    adql: str = field(default="")
