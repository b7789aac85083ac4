"""The portal's data: the state of the site, tables of the catalog, a cone search."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pydantic import JsonValue

__all__ = ["Column", "ComponentStatus", "Cone", "ConeForm", "Rows", "SiteState", "Table"]


@dataclass(frozen=True)
class ComponentStatus:
    """A component under the title that people know, and whether it is up."""

    name: str
    title: str
    up: bool


@dataclass(frozen=True)
class SiteState:
    """What the landing page shows live."""

    hub_up: bool
    labs_running: int | None
    people_active: int | None
    components: tuple[ComponentStatus, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """Return what ``/state.json`` answers."""
        return {
            "hub": {"up": self.hub_up, "people_active": self.people_active},
            "services": [asdict(component) for component in self.components],
            "labs_running": self.labs_running,
        }


@dataclass(frozen=True)
class Column:
    """A column, as the TAP service describes it (VODataService)."""

    name: str
    description: str = ""
    unit: str = ""
    ucd: str = ""
    principal: bool = False


@dataclass(frozen=True)
class Table:
    """A table, as the TAP service describes it.

    Attributes
    ----------
    position
        The names of the columns with right ascension and declination, if the table has them.
    """

    name: str
    description: str = ""
    columns: tuple[Column, ...] = ()
    position: tuple[str, str] | None = None


@dataclass(frozen=True)
class ConeForm:
    """The fields of the cone search form, as typed."""

    table: str
    ra: str
    dec: str
    radius: str


@dataclass(frozen=True)
class Cone:
    """A circle on the sky; degrees, ICRS."""

    table: str
    ra: float
    dec: float
    radius: float


@dataclass(frozen=True)
class Rows:
    """The first rows of an answer, as strings for a page.

    Attributes
    ----------
    numeric
        For each column, whether it holds numbers.
    truncated
        Whether there are more rows.
    note
        What the service says about a search outside the area with data; else empty.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    truncated: bool
    note: str = ""
