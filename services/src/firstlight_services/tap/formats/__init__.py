"""Results as bytes: VOTable (BINARY2 or TABLEDATA), CSV and TSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.formats.delimited import DelimitedWriter
from firstlight_services.tap.formats.votable import VOTableWriter
from firstlight_services.tap.formats.writer import Note, Writer
from firstlight_services.tap.models import Field

__all__ = ["FORMATS", "Format", "Note", "Writer", "choose", "make_writer"]


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a result.

    Attributes
    ----------
    media_type
        The Content-Type, as listed in the capabilities.
    aliases
        Short names, as in DALI 1.1 (section 3.4.3) and in clients.
    serialization
        ``BINARY2``, ``TABLEDATA``, or the delimiter.
    """

    media_type: str
    aliases: tuple[str, ...]
    serialization: str


FORMATS = (
    Format(
        "application/x-votable+xml;serialization=BINARY2",
        ("votable", "application/x-votable+xml", "votable/b2"),
        "BINARY2",
    ),
    Format(
        "application/x-votable+xml;serialization=TABLEDATA",
        ("votable/td",),
        "TABLEDATA",
    ),
    Format("text/xml", (), "TABLEDATA"),
    Format("text/csv;header=present", ("csv", "text/csv"), ","),
    Format("text/tab-separated-values", ("tsv",), "\t"),
)
"""The first is the default."""


def choose(text: str | None) -> Format:
    """Return the format named by RESPONSEFORMAT (or FORMAT).

    Raises
    ------
    QueryError
        ``bad_format`` if there is no such format.
    """
    wanted = "".join((text or "").split()).lower().replace('"', "")
    if not wanted:
        return FORMATS[0]
    for one in FORMATS:
        if wanted in (one.media_type.lower(), *one.aliases):
            return one
    raise QueryError(
        "bad_format",
        f"Results cannot be written as {(text or '')[:60]!r}.",
        hint="Choose votable, votable/td, csv or tsv.",
    )


def make_writer(chosen: Format, fields: Sequence[Field], notes: Sequence[Note] = ()) -> Writer:
    """Return the writer for one result; only VOTables can hold the notes."""
    if chosen.serialization in ("BINARY2", "TABLEDATA"):
        return VOTableWriter(fields, chosen.serialization, notes)
    return DelimitedWriter(fields, chosen.serialization)
