"""The catalog as the portal sees it: the TAP service, called with the person's own token."""

from __future__ import annotations

import asyncio
import io
from typing import SupportsFloat
from urllib.parse import urlencode
from xml.etree import ElementTree

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from firstlight_common.recovery import SERVICE_SECONDS
from firstlight_services.portal.models import Column, Rows, Table
from firstlight_services.portal.policy import MAX_ROWS, position_columns
from firstlight_services.web import Kind, ServiceError

__all__ = ["CatalogClient", "read_tables", "read_votable"]


class CatalogClient:
    """A thin TAP client.

    Parameters
    ----------
    base_url
        The TAP service on this machine.

    Notes
    -----
    Each call carries the person's token, so the catalog decides what they may see; the portal
    itself has no access.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._client: AsyncHTTPClient | None = None

    async def tables(self, token: str) -> tuple[Table, ...]:
        """Return the tables and columns that the service describes."""
        response = await self._fetch("tables", token, patience=10)
        if response.code != 200:
            raise _unexpected(response.code)
        return read_tables(response.body)

    async def query(self, token: str, adql: str) -> Rows:
        """Run a synchronous query.

        Raises
        ------
        ServiceError
            INVALID with the service's own message if it refuses the query; UNAVAILABLE, TIMEOUT.
        """
        fields = {
            "REQUEST": "doQuery",
            "LANG": "ADQL",
            "FORMAT": "votable",
            "MAXREC": str(MAX_ROWS),
            "QUERY": adql,
        }
        response = await self._fetch("sync", token, patience=60, body=urlencode(fields))
        # Importing astropy takes a moment, and so does parsing: keep both off the event loop.
        return await asyncio.to_thread(read_votable, response.body, response.code)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _fetch(
        self, path: str, token: str, *, patience: float, body: str | None = None
    ) -> HTTPResponse:
        if self._client is None:
            self._client = AsyncHTTPClient(force_instance=True)
        request = HTTPRequest(
            f"{self._base_url}/{path}",
            method="GET" if body is None else "POST",
            headers={"Authorization": f"Bearer {token}"},
            body=body,
            connect_timeout=2,
            request_timeout=patience,
        )
        try:
            return await self._client.fetch(request, raise_error=False)
        except HTTPClientError as error:
            raise ServiceError(
                "catalog_slow",
                "The catalog service took too long to answer.",
                hint="Try a smaller radius, or run the query from a notebook.",
                kind=Kind.TIMEOUT,
            ) from error
        except OSError as error:
            raise _unavailable() from error


def read_tables(document: bytes) -> tuple[Table, ...]:
    """Read a VOSI ``tables`` document (VODataService 1.2)."""
    # From our own service on loopback; expat limits entity expansion.
    root = ElementTree.fromstring(document)  # noqa: S314
    tables = []
    for element in root.iter():
        if _tag(element) != "table":
            continue
        columns = tuple(_column(child) for child in element if _tag(child) == "column")
        name = _text(element, "name")
        if name and not name.upper().startswith("TAP_SCHEMA."):
            tables.append(
                Table(name, _text(element, "description"), columns, position_columns(columns))
            )
    return tuple(tables)


def read_votable(document: bytes, status: int) -> Rows:
    """Read an answer to a query: rows, or the service's message about what is wrong.

    Raises
    ------
    ServiceError
        INVALID with that message; UNAVAILABLE or FORBIDDEN if there is no readable answer.

    Notes
    -----
    DALI 1.1, section 4.2: an error is a VOTable whose INFO ``QUERY_STATUS`` is ``ERROR``.
    """
    from astropy.io import votable

    try:
        parsed = votable.parse(io.BytesIO(document), verify="ignore")
        infos = {
            info.name: (info.value, info.content or "")
            for r in parsed.resources
            for info in r.infos
        }
    except Exception as error:  # astropy raises many kinds for invalid VOTables
        raise _unexpected(status) from error
    if infos.get("QUERY_STATUS", ("", ""))[0] == "ERROR" or status >= 400:
        if status >= 500:
            raise _unexpected(status)
        words = infos.get("QUERY_STATUS", ("", ""))[1].strip()
        raise ServiceError(
            "query_refused",
            words or "The catalog service could not run this query.",
            hint="Change the search and try again.",
            kind=Kind.INVALID,
        )
    table = parsed.get_first_table()
    columns = tuple(
        Column(f.name, f.description or "", str(f.unit or ""), f.ucd or "") for f in table.fields
    )
    cells = table.to_table()
    rows = tuple(
        tuple(_cell(value, column.unit) for value, column in zip(row, columns, strict=True))
        for row in cells[:MAX_ROWS]
    )
    numeric = tuple(f.datatype not in ("char", "unicodeChar", "boolean") for f in table.fields)
    where, note = infos.get("coverage", ("", ""))
    note = note.strip() if where == "outside" else ""
    return Rows(columns, rows, numeric, truncated=len(cells) >= MAX_ROWS, note=note)


def _cell(value: bytes | str | SupportsFloat, unit: str) -> str:
    """Format a value: positions to 0.4 milliarcseconds, other numbers to six figures."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    text = str(value)
    # To a reader, astropy's masked value and NaN both mean "no value".
    if text in ("--", "nan"):
        return ""
    if "." not in text and "e" not in text.lower():
        return text
    try:
        number = float(value)
    except (TypeError, ValueError):
        return text
    return f"{number:.7f}" if unit == "deg" else f"{number:.6g}"


def _column(element: ElementTree.Element) -> Column:
    flags = {(child.text or "").strip() for child in element if _tag(child) == "flag"}
    return Column(
        name=_text(element, "name"),
        description=_text(element, "description"),
        unit=_text(element, "unit"),
        ucd=_text(element, "ucd"),
        principal="principal" in flags,
    )


def _text(element: ElementTree.Element, tag: str) -> str:
    found = next((child.text for child in element if _tag(child) == tag), None)
    return " ".join((found or "").split())


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _unavailable() -> ServiceError:
    return ServiceError(
        "catalog_unavailable",
        "The catalog service is unavailable.",
        hint=f"Try again in {SERVICE_SECONDS} seconds.",
        kind=Kind.UNAVAILABLE,
    )


def _unexpected(status: int) -> ServiceError:
    if status in (401, 403):
        return ServiceError(
            "catalog_forbidden",
            "The catalog service denied you access.",
            hint="Log out and log in again. If that does not help, ask the site's contact.",
            kind=Kind.FORBIDDEN,
        )
    return _unavailable()
