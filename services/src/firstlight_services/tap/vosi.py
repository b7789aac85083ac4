"""The documents that describe the service: VOSI 1.1 and TAPRegExt 1.0 documents."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from firstlight_services.tap.formats import FORMATS
from firstlight_services.tap.models import Catalog, Column, Schema, Table
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.query.functions import GEOMETRY

__all__ = ["availability", "capabilities", "table_document", "tables"]

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_VODATASERVICE = 'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1"'
_VOSI_TABLES = 'xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0"'
_FEATURES = "ivo://ivoa.net/std/TAPRegExt#features"


def capabilities(base_url: str, limits: Limits) -> bytes:
    """Return the VOSI capabilities document.

    Parameters
    ----------
    base_url
        The service's public address, without a trailing slash.

    Notes
    -----
    Interfaces list no security methods, although most require a token: pyvo takes the listed ones
    for the only ones, and refuses a session with a token, which `lsst.rsp` makes. The challenge
    in a 401 informs the other clients (SSO 2.0, section 5). The address of the tables is a base,
    since each table has its own below it (VOSI 1.1, section 2.3); to a full one pyvo sends no
    token.
    """
    open_endpoints = "".join(
        f'<capability standardID="ivo://ivoa.net/std/VOSI#{name}">'
        f"{_interface(f'{base_url}/{name}', 'full')}</capability>\n"
        for name in ("capabilities", "availability")
    )
    geometry = "".join(f"<feature><form>{name}</form></feature>" for name in sorted(GEOMETRY))
    formats = "".join(
        f"<outputFormat><mime>{escape(one.media_type)}</mime>"
        + "".join(f"<alias>{escape(alias)}</alias>" for alias in one.aliases)
        + "</outputFormat>\n"
        for one in FORMATS
    )
    document = f"""{_HEAD}<vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0"
 {_XSI} xmlns:vr="http://www.ivoa.net/xml/VOResource/v1.0" {_VODATASERVICE}
 xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0">
{open_endpoints}<capability standardID="ivo://ivoa.net/std/VOSI#tables-1.1">
{_interface(f"{base_url}/tables", "base")}</capability>
<capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">
{_interface(base_url, "base", 'role="std" version="1.1"')}
<language><name>ADQL</name>
<version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version>
<version ivo-id="ivo://ivoa.net/std/ADQL#v2.1">2.1</version>
<description>ADQL 2.1; SELECT without set operations</description>
<languageFeatures type="{_FEATURES}-adqlgeo">{geometry}</languageFeatures>
<languageFeatures type="{_FEATURES}-udf"><feature>
<form>scisql_nanojanskyToAbMag(flux DOUBLE) -&gt; DOUBLE</form>
<description>AB magnitude of a flux in nJy</description></feature></languageFeatures>
<languageFeatures type="{_FEATURES}-adql-string">
<feature><form>LOWER</form></feature><feature><form>UPPER</form></feature>
<feature><form>ILIKE</form></feature></languageFeatures>
<languageFeatures type="{_FEATURES}-adql-offset">
<feature><form>OFFSET</form></feature></languageFeatures>
</language>
{formats}<outputLimit><default unit="row">{limits.default_rows:d}</default>
<hard unit="row">{limits.max_rows:d}</hard></outputLimit>
</capability>
</vosi:capabilities>
"""
    return document.encode()


def availability(*, available: bool, note: str = "") -> bytes:
    """Return the VOSI availability document."""
    # Unlike those of the other documents, its elements belong to its namespace.
    words = f"<vosi:note>{escape(note)}</vosi:note>" if note else ""
    document = (
        f'{_HEAD}<vosi:availability xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">'
        f"<vosi:available>{'true' if available else 'false'}</vosi:available>{words}"
        "</vosi:availability>\n"
    )
    return document.encode()


def tables(catalog: Catalog) -> bytes:
    """Return the VOSI tableset document, with the columns of every table."""
    schemas = "".join(map(_schema, catalog.schemas))
    root = f"<vosi:tableset {_VOSI_TABLES} {_VODATASERVICE} {_XSI}>"
    return f"{_HEAD}{root}\n{schemas}</vosi:tableset>\n".encode()


def table_document(table: Table) -> bytes:
    """Return the VOSI document of one table."""
    namespaces = f"{_VOSI_TABLES} {_VODATASERVICE} {_XSI}"
    inner = _table_content(table)
    return f"{_HEAD}<vosi:table {namespaces}>{inner}</vosi:table>\n".encode()


def _interface(url: str, use: str, attributes: str = "") -> str:
    return (
        f'<interface xsi:type="vs:ParamHTTP" {attributes}>'
        f"<accessURL use={quoteattr(use)}>{escape(url)}</accessURL>"
        "</interface>"
    )


def _schema(schema: Schema) -> str:
    inner = "".join(f"<table>{_table_content(one)}</table>\n" for one in schema.tables)
    words = _elements([("name", schema.name), ("description", schema.description)])
    return f"<schema>{words}\n{inner}</schema>\n"


def _table_content(table: Table) -> str:
    words = _elements([("name", table.full_name), ("description", table.description)])
    return words + "\n" + "\n".join(map(_column, table.columns))


def _column(column: Column) -> str:
    words = [
        ("name", column.name),
        ("description", column.description),
        ("unit", column.unit),
        ("ucd", column.ucd),
    ]
    size = f" arraysize={quoteattr(column.arraysize)}" if column.arraysize else ""
    flags = (("indexed", column.indexed), ("principal", column.principal))
    set_flags = "".join(f"<flag>{name}</flag>" for name, is_set in flags if is_set)
    std = ' std="true"' if column.std else ""
    kind = f'<dataType xsi:type="vs:VOTableType"{size}>{column.type.value}</dataType>'
    return f"<column{std}>{_elements(words)}{kind}{set_flags}</column>"


def _elements(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in pairs if text)
