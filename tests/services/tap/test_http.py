from __future__ import annotations

import asyncio
import gc
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from astropy.io import votable
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError

from firstlight_common.errors import error_votable
from firstlight_services.tap.app import make_app
from firstlight_services.web.auth import Person, TokenChecker
from firstlight_services.web.testing import FakeHub, fetch, serving
from tests.services.tap.conftest import SCOPES, Tap, copied, dp01, status_of, tap_context
from tests.waiting import eventually

CONE = """SELECT TOP 100 objectId, ra, dec, mag_i, clean FROM dp01_dc2_catalogs.object
WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 62.0, -37.0, 0.2)) = 1 AND mag_i < 24"""
SLOW = "SELECT SUM(SIN(a.ra * b.dec + c.ra * d.dec)) FROM object a, object b, object c, object d"
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
LONG = "SELECT a.ra, b.dec, c.ra FROM object a, object b, object c"


def rows(body: bytes) -> Any:
    return votable.parse(io.BytesIO(body), verify="exception").get_first_table().to_table()


async def test_a_cone_is_answered(tap: Tap) -> None:
    answer = await tap.query(CONE)
    assert answer.code == 200
    assert answer.headers["Content-Type"] == "application/x-votable+xml;serialization=BINARY2"
    assert answer.headers["Cache-Control"] == "no-store"
    table = rows(answer.body)
    assert 20 < len(table) <= 100
    assert table["ra"].unit == "deg"
    assert max(table["mag_i"]) < 24


async def test_names_of_parameters_have_no_case(tap: Tap) -> None:
    answer = await tap.query_in_address(
        request="doQuery", Lang="adql-2.0", query="select 1 from object", maxRec="2", format="csv"
    )
    assert (answer.code, answer.body[:13]) == (200, b"value\r\n1\r\n1\r\n")
    assert answer.headers["Content-Type"] == "text/csv;header=present"


async def test_responseformat_goes_before_format(tap: Tap) -> None:
    answer = await tap.query("select top 1 1 from object", RESPONSEFORMAT="tsv", FORMAT="votable")
    assert answer.headers["Content-Type"] == "text/tab-separated-values"


@pytest.mark.parametrize(
    ("adql", "maxrec", "count", "status"),
    [
        ("select ra from object", "5", 5, "OVERFLOW"),
        ("select ra from object", "0", 0, "OVERFLOW"),
        ("select ra from object", "600", 600, "OK"),
        ("select top 5 ra from object", "5", 5, "OK"),
        ("select top 6 ra from object", "5", 5, "OVERFLOW"),
        ("select top 5 ra from object", "", 5, "OK"),
    ],
)
async def test_an_answer_that_was_cut_says_so(
    tap: Tap, adql: str, maxrec: str, count: int, status: str
) -> None:
    for form in ("votable", "votable/td"):
        body = (await tap.query(adql, MAXREC=maxrec, FORMAT=form)).body
        assert status_of(body)[0] == status
        assert len(rows(body)) == count


class TestSmallLimits:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"services": {"tap": {"default_rows": 7, "max_rows": 20}}}

    async def test_the_sites_limits_count(self, tap: Tap) -> None:
        assert len(rows((await tap.query("select ra from object")).body)) == 7
        body = (await tap.query("select ra from object", MAXREC="1000")).body
        assert len(rows(body)) == 20
        assert status_of(body)[0] == "OVERFLOW"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"QUERY": "select mag_j from object"}, "There is no column mag_j"),
        ({"QUERY": "select * from read_csv('/etc/passwd')"}, "Unexpected ("),
        ({"QUERY": "select 9223372036854775807 + tract from object"}, "too large"),
        ({"QUERY": ""}, "The query is empty."),
        ({"REQUEST": "getCapabilities"}, "REQUEST"),
        ({"LANG": "PQL"}, "LANG"),
        ({"MAXREC": "-1"}, "MAXREC"),
        ({"FORMAT": "fits"}, "'fits'"),
        ({"UPLOAD": "t,http://a.example/b"}, "cannot be uploaded"),
    ],
)
async def test_a_bad_request_is_a_votable_that_says_why(
    tap: Tap, parameters: dict[str, str], said: str
) -> None:
    adql = parameters.pop("QUERY", "select 1")
    answer = await tap.query(adql, **parameters)
    assert answer.code == 400
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    status, words = status_of(answer.body)
    assert status == "ERROR"
    assert said in words
    assert "Traceback" not in words
    assert '"c1"' not in words


async def test_an_error_has_its_caret_and_hint(tap: Tap) -> None:
    _, words = status_of((await tap.query("select mag_j\nfrom object")).body)
    assert words == (
        "There is no column mag_j in object. (line 1, column 8)\n"
        "  select mag_j\n         ^\nDid you mean mag_z or mag_y or mag_u?"
    )


async def test_a_missing_query_is_said(tap: Tap) -> None:
    answer = await tap.query_in_address(LANG="ADQL")
    assert answer.code == 400
    assert "QUERY is missing" in status_of(answer.body)[1]


@pytest.mark.parametrize("path", ["sync?QUERY=select+1", "tables", "tables/tap_schema.keys"])
async def test_data_needs_a_login(tap: Tap, path: str) -> None:
    answer = await tap.get(path, token=None)
    assert answer.code == 401
    assert answer.headers.get_list("WWW-Authenticate")
    assert status_of(answer.body)[0] == "ERROR"
    assert (await tap.get(path, token="wrong-token")).code == 401
    assert (await tap.get(path, token="narrow-token")).code == 403


async def test_while_the_hub_is_away_nobody_is_let_in(tap: Tap) -> None:
    tap.hub.unavailable = True
    answer = await tap.query("select 1")
    assert answer.code == 503
    assert answer.headers["Retry-After"]
    assert "hub" in status_of(answer.body)[1]


@pytest.mark.parametrize("path", ["capabilities", "availability", "healthz"])
async def test_what_clients_ask_first_is_open(tap: Tap, path: str) -> None:
    assert (await tap.get(path, token=None)).code == 200


async def test_async_says_what_there_is_instead(tap: Tap) -> None:
    for path in ("async", "async/1/phase"):
        answer = await tap.get(path)
        assert answer.code == 404
        status, words = status_of(answer.body)
        assert status == "ERROR"
        assert "sync" in words


@pytest.mark.parametrize("path", ["", "nonsense", "sync", "tables"])
async def test_browsers_show_errors_instead_of_saving_them(tap: Tap, path: str) -> None:
    accept = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    answer = await fetch(f"{tap.url}/api/tap/{path}".rstrip("/"), headers=accept)

    assert answer.code >= 400
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert b'name="QUERY_STATUS" value="ERROR"' in answer.body


async def test_other_addresses_and_methods_are_votables_too(tap: Tap) -> None:
    for path in ("", "upload", "tables/nope.nope", "%00"):
        answer = await tap.get(path)
        assert answer.code == 404
        assert status_of(answer.body)[0] == "ERROR"
    answer = await fetch(
        f"{tap.url}/api/tap/sync", method="DELETE", headers={"Authorization": "Bearer vera-token"}
    )
    assert answer.code == 405
    assert status_of(answer.body)[0] == "ERROR"


@pytest.mark.parametrize(
    "path", ["capabilities", "availability", "tables", "tables/tap_schema.keys"]
)
async def test_descriptions_can_be_asked_for_their_headers(tap: Tap, path: str) -> None:
    headers = {"Authorization": "Bearer vera-token"}
    answer = await fetch(f"{tap.url}/api/tap/{path}", method="HEAD", headers=headers)
    assert (answer.code, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len((await tap.get(path)).body))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("HEAD", "sync?QUERY=select+1", "GET, POST"),
        ("DELETE", "sync", "GET, POST"),
        ("DELETE", "tables", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    tap: Tap, method: str, path: str, allowed: str
) -> None:
    headers = {"Authorization": "Bearer vera-token"}
    answer = await fetch(f"{tap.url}/api/tap/{path}", method=method, headers=headers)
    assert answer.code == 405
    assert answer.headers["Allow"] == allowed


async def send_multipart(
    tap: Tap,
    parts: dict[str, str],
    file: bytes = b"",
    *,
    before: str = "",
    boundary: str = "edge",
) -> HTTPResponse:
    lines = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    ]
    if file:
        lines.append(
            '--edge\r\nContent-Disposition: form-data; name="t"; filename="t.xml"\r\n'
            f"Content-Type: application/x-votable+xml\r\n\r\n{file.decode()}\r\n"
        )
    client = AsyncHTTPClient(force_instance=True)
    try:
        return await client.fetch(
            f"{tap.url}/api/tap/sync",
            method="POST",
            headers={
                "Authorization": "Bearer vera-token",
                "Content-Type": f"multipart/form-data; boundary={boundary}",
            },
            body="".join([before, *lines, "--edge--\r\n"]),
            raise_error=False,
        )
    finally:
        client.close()


async def test_a_form_may_come_in_parts(tap: Tap) -> None:
    parts = {"LANG": "ADQL", "QUERY": "select 'größe'", "RESPONSEFORMAT": "csv"}
    answer = await send_multipart(tap, parts)
    assert (answer.code, answer.body.decode()) == (200, "value\r\ngröße\r\n")


@pytest.mark.parametrize("boundary", ["edge", '"edge"'])
@pytest.mark.parametrize("before", ["", "\r\n", "\r\n\r\n", "a preamble\r\nof two lines\r\n"])
async def test_a_form_in_parts_may_have_a_preamble(tap: Tap, before: str, boundary: str) -> None:
    # STILTS and TOPCAT begin with an empty line.
    parts = {"LANG": "ADQL", "QUERY": "select '\r\n--edgy größe'", "RESPONSEFORMAT": "tsv"}
    answer = await send_multipart(tap, parts, before=before, boundary=boundary)
    assert (answer.code, answer.body.decode()) == (200, 'value\r\n"\r\n--edgy größe"\r\n')


async def test_a_form_without_parts_is_refused(tap: Tap) -> None:
    answer = await send_multipart(tap, {}, boundary="another")
    assert (answer.code, status_of(answer.body)[0]) == (400, "ERROR")


@pytest.mark.parametrize(
    ("adql", "maxrec", "status"),
    [
        ("select tract from object", "5", "OVERFLOW"),
        ("select tract from object", "0", "OVERFLOW"),
        ("select top 5 tract from object", "5", "OK"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "tsv", "votable"])
async def test_csv_that_was_cut_says_so_twice(
    tap: Tap, adql: str, maxrec: str, status: str, form: str
) -> None:
    answer = await tap.query(adql, MAXREC=maxrec, FORMAT=form)
    assert answer.headers["X-Query-Status"] == status
    if form != "votable":
        header, *lines = answer.body.decode().splitlines()
        cut = [line for line in lines if line.startswith("#")]
        assert header == "tract"
        assert len(lines) - len(cut) == int(maxrec)
        assert bool(cut) == (status == "OVERFLOW")
        sentence = "# OVERFLOW: there are more rows than are in this file"
        assert all(line == sentence for line in cut)


async def test_readers_of_csv_skip_the_comment(tap: Tap) -> None:
    from astropy.io import ascii as readers

    body = (await tap.query("select tract, ra from object", MAXREC="5", FORMAT="csv")).body
    table = readers.read(body.decode(), format="csv", comment="#")
    assert (table.colnames, len(table)) == (["tract", "ra"], 5)


@pytest.mark.parametrize("form", ["votable", "votable/td", "csv", "tsv"])
async def test_text_beyond_ascii_arrives(tap: Tap, form: str) -> None:
    words = "größer ≤ 1″ 𝄞"
    adql = f"select top 1 '{words}' as \"Größe ⊙\" from object where 'ä' || 'ß' = 'äß'"
    answer = await tap.query(adql, FORMAT=form)
    assert answer.code == 200
    if "votable" in form:
        (table,) = votable.parse(io.BytesIO(answer.body)).iter_tables()
        assert table.fields[0].datatype == "unicodeChar"
        found = [table.fields[0].name, *(str(one) for one in table.array.data[table.fields[0].ID])]
    else:
        found = answer.body.decode().splitlines()
    assert found == ["Größe ⊙", words]


async def test_an_error_quotes_text_beyond_ascii(tap: Tap) -> None:
    answer = await tap.query('select "Größe" from object')
    assert 'There is no column "Größe" in object.' in status_of(answer.body)[1]
    assert (await tap.get("tables/Gr%C3%B6%C3%9Fe")).code == 404
    unquoted = status_of((await tap.query("select größe from object")).body)
    assert unquoted[0] == "ERROR"


async def test_an_upload_is_refused_clearly(tap: Tap) -> None:
    parts = {"QUERY": "select * from tap_upload.t", "UPLOAD": "t,param:t"}
    answer = await send_multipart(tap, parts, error_votable("x"))
    assert answer.code == 400
    assert "cannot be uploaded" in status_of(answer.body)[1]


async def test_unknown_parameters_are_ignored(tap: Tap) -> None:
    answer = await tap.query("select 1", RUNID="a", PHASE="RUN", VERSION="1.1", FOO="bar")
    assert answer.code == 200


async def test_no_rows_are_asked_for_without_running_the_query(tap: Tap) -> None:
    started = cursors(tap)
    body = (await tap.query(SLOW, MAXREC="0")).body
    assert len(started) <= 1, "it was executed"
    assert (status_of(body)[0], len(rows(body))) == ("OVERFLOW", 0)
    assert rows(body).colnames == ["sum"]


async def test_what_is_no_text_is_refused(tap: Tap) -> None:
    answer = await tap.get("sync?QUERY=%ff%fe")
    assert (answer.code, status_of(answer.body)[0]) == (400, "ERROR")


async def test_without_a_catalog_the_service_says_so(tmp_path: Path) -> None:
    async with FakeHub().running() as hub:
        hub.add_token("vera-token", "vera", scopes=SCOPES)
        app = make_app(tap_context(tmp_path, hub, {}))
        async with serving(app) as url:
            tap = Tap(url, hub, app)
            assert b"<vosi:available>false</vosi:available>" in (await tap.get("availability")).body
            assert (await tap.get("capabilities")).code == 200
            for answer in (await tap.query("select 1"), await tap.get("tables")):
                assert answer.code == 503
                assert "not loaded" in status_of(answer.body)[1]
        app.service.close()
        app.checker.close()


async def test_a_missing_data_set_is_noted_and_leaves_the_others(
    state: Path, tmp_path: Path
) -> None:
    lost = dp01(state).model_copy(update={"label": "lost", "store": tmp_path / "lost"})
    async with FakeHub().running() as hub:
        hub.add_token("vera-token", "vera", scopes=SCOPES)
        app = make_app(tap_context(copied(state, tmp_path), hub, {}, lost))
        async with serving(app) as url:
            tap = Tap(url, hub, app)
            body = (await tap.get("availability")).body
            assert b"<vosi:available>true</vosi:available>" in body
            assert b"<vosi:note>Unavailable data sets: lost.</vosi:note>" in body
            assert (await tap.query("select top 1 ra from object")).code == 200
        app.service.close()
        app.checker.close()


def at_work(tap: Tap) -> int:
    return len(tap.app.service._engine._cursors)


def cursors(tap: Tap) -> list[Any]:
    """Return a list that gets each cursor that is opened from now on, however soon it is closed."""
    engine, opened = tap.app.service._engine, []
    open_cursor = engine.cursor

    def cursor() -> Any:
        opened.append(open_cursor())
        return opened[-1]

    engine.cursor = cursor
    return opened


class TestTimeout:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"services": {"tap": {"timeout": 5, "max_rows": 10**9, "default_rows": 10**9}}}

    async def test_a_query_that_takes_too_long_is_stopped(self, tap: Tap) -> None:
        answer = await tap.query(SLOW)
        assert answer.code == 504
        assert "longer than 5 seconds" in status_of(answer.body)[1]
        assert at_work(tap) == 0
        assert (await tap.query("select top 1 ra from object")).code == 200

    async def test_an_answer_cut_by_time_says_so_at_its_end(self, tap: Tap) -> None:
        received = await received_of(tap, LONG, "votable")
        assert b"200 OK" in received[:20]
        # The rows are left out; what is before and after them is a whole document.
        document = b"<INFO" + received.rpartition(b"<INFO")[2].partition(b"</INFO>")[0] + b"</INFO>"
        last = ElementTree.fromstring(document)
        assert last.get("value") == "ERROR"
        assert "was stopped" in (last.text or "")
        assert received.endswith(b"</VOTABLE>\n\r\n0\r\n\r\n")
        await eventually(lambda: at_work(tap) == 0)

    async def test_csv_cut_by_time_is_a_broken_connection(self, tap: Tap) -> None:
        with pytest.raises(HTTPStreamClosedError):
            await tap.query(LONG, FORMAT="csv")
        await eventually(lambda: at_work(tap) == 0)

    @pytest.mark.parametrize("form", ["csv", "tsv"])
    async def test_csv_cut_by_time_says_so_in_its_last_line(self, tap: Tap, form: str) -> None:
        received = await received_of(tap, LONG, form)
        assert b"X-Query-Status: STREAMING" in received
        *_, last = [line for line in bytes(received).split(b"\r\n") if line.startswith(b"#")]
        assert last.startswith(b"# ERROR: The query took longer than 5 seconds and was stopped.")
        # Not as a whole answer ends: nobody takes it for one.
        assert not received.endswith(b"0\r\n\r\n")


class TestSlowReaders:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"services": {"tap": {"timeout": 0.6, "max_rows": 10**9, "default_rows": 10**9}}}

    async def test_a_client_that_does_not_read_is_cut_off(
        self, tap: Tap, caplog: pytest.LogCaptureFixture
    ) -> None:
        started = cursors(tap)

        async def never(_: Any) -> None:
            await eventually(lambda: started)
            await eventually(lambda: at_work(tap) == 0)

        await leave_after(tap, LONG, never)
        # It is the client's doing: nobody has to look into it.
        assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def received_of(tap: Tap, adql: str, form: str) -> bytes:
    """Return the beginning and the end of what the service sends until the connection rests."""
    received = bytearray()

    async def until_it_ends(reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(1 << 20):
            received.extend(piece)
            del received[1000:-2000]
            if received.endswith(b"0\r\n\r\n"):
                return

    await leave_after(tap, adql, until_it_ends, form=form)
    return bytes(received)


async def leave_after(tap: Tap, adql: str, until: Any, *, form: str = "votable") -> None:
    """Send a query and go away once `until` is true, without waiting for the answer."""
    host, port = tap.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = f"FORMAT={form}&QUERY={adql.replace(' ', '+')}".encode()
    head = (
        f"POST /api/tap/sync HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer vera-token\r\n"
        "Connection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    await until(reader)
    writer.close()


async def test_short_work_does_not_wait_for_long_queries(tap: Tap) -> None:
    workers = tap.app.service._pool._max_workers
    leave = asyncio.Event()
    running = [
        asyncio.create_task(leave_after(tap, SLOW.replace(" + ", " - "), lambda _: leave.wait()))
        for _ in range(workers + 1)
    ]
    await eventually(lambda: at_work(tap) > workers)
    assert (await tap.get("availability")).code == 200
    assert (await tap.get("tables")).code == 200
    assert (await tap.query("select nope from object")).code == 400
    assert at_work(tap) > workers, "the long queries ended first"
    leave.set()
    await asyncio.gather(*running)
    await eventually(lambda: at_work(tap) == 0)


async def test_a_service_that_stops_does_not_wait_for_queries(tap: Tap) -> None:
    running = asyncio.create_task(tap.query(SLOW))
    await eventually(lambda: at_work(tap) == 1)
    assert await asyncio.to_thread(tap.app.service.close)
    assert (await running).code == 500


class HesitantChecker(TokenChecker):
    """Knows no token until it is told to."""

    def __init__(self, api_url: str) -> None:
        super().__init__(api_url, "tap")
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def check(self, token: str) -> Person | None:
        self.asked.set()
        await self.go_on.wait()
        return await super().check(token)


async def test_a_client_that_goes_away_early_starts_no_query(tap: Tap) -> None:
    checker = HesitantChecker(tap.hub.api_url)
    tap.app.checker = checker
    await leave_after(tap, SLOW, lambda _: checker.asked.wait())
    (handler,) = tap.app.requests
    await eventually(lambda: handler.request.connection.stream.closed())
    started = cursors(tap)
    checker.go_on.set()
    # What that request does, it does before all of these are answered.
    for _ in range(5):
        assert (await tap.query("select top 1 ra from object")).code == 200
    assert len(started) == 5
    checker.close()


async def test_a_client_that_goes_away_stops_its_query(
    tap: Tap, caplog: pytest.LogCaptureFixture
) -> None:
    async def started(_: Any) -> None:
        await eventually(lambda: tap.app.service._running)

    await leave_after(tap, SLOW.replace(" + ", " - "), started)
    await eventually(lambda: at_work(tap) == 0)
    assert (await tap.query("select top 1 ra from object")).code == 200
    gc.collect()
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


class TestLongAnswers:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"services": {"tap": {"max_rows": 10**9, "default_rows": 10**9}}}

    async def test_a_client_that_leaves_midway_stops_its_query(self, tap: Tap) -> None:
        async def first_bytes(reader: asyncio.StreamReader) -> None:
            assert b"200" in await reader.read(1000)
            assert at_work(tap) == 1

        await leave_after(tap, LONG, first_bytes)
        await eventually(lambda: at_work(tap) == 0)

    async def test_many_ask_at_once(self, tap: Tap) -> None:
        answers = await asyncio.gather(*(tap.query(CONE) for _ in range(12)))
        assert {one.code for one in answers} == {200}
        assert len({one.body for one in answers}) <= 12
        assert at_work(tap) == 0


async def test_healthz_is_json(tap: Tap) -> None:
    assert json.loads((await tap.get("healthz", token=None)).body)["status"] == "ok"
