"""Nobody reaches what is not theirs: each endpoint × each role, by token and by browser.

Every address of ``docs/reference/endpoints.md`` needs a line here. Labs, tokens and pages in the table
are those of "user"; "other" and "admin" try them too. "revoked" is a person who had access, got a
token, a lab and a browser's cookies, and was then removed from their team.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.cookiejar import Cookie
from urllib.parse import urlsplit

import pytest
import requests
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.docs.conftest import reference
from tests.lab_client import start_lab, stop_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROLES = ("anonymous", "user", "other", "admin", "revoked")
USER = "mira-member"
GUEST = "sam-stranger"
NEWCOMER = "matrix-newcomer"

#: Request | answers to a token of each role | answers to the browser of each role; one for all five.
#: "login": led to the login; "asks": JupyterHub asks whether to use a lab in one's own name; "error":
#: an OAuth error, which GitHub sends as 200; "-": not tried, since it would end what others need.
TABLE = """
GET /                                           | 200                           | 200
GET /state.json                                 | 200                           | 200
GET /portal/                                    | login                         | login 200 200 200 login
GET /portal/app                                 | login                         | login 200 200 200 login
GET /portal/cone?{cone}                         | login                         | login 200 200 200 login
GET /portal/login                               | login                         | login 200 200 200 login
GET /portal/logout                              | login                         | login 200 200 200 login
POST /portal/logout                             | login                         | login 403 403 403 login
GET /portal/oauth_callback                      | 400                           | 400
GET /portal/healthz                             | 200                           | 200
GET /assets/theme.css                           | 200                           | 200
GET /assets/theme.js                            | 200                           | 200
GET /assets/portal.js                           | 200                           | 200
GET /assets/preview.png                         | 200                           | 200
GET /assets/firstlight.css                      | 200                           | 200
GET /assets/favicon.svg                         | 200                           | 200
GET /assets/logo                                | 404                           | 404
GET /favicon.ico                                | 200                           | 200
GET /_error/503                                 | 503                           | 503
GET /_error/healthz                             | 200                           | 200

GET /api/tap/sync?{query}                       | 401 200 200 200 401           | 401
POST /api/tap/sync?{query}                      | 401 200 200 200 401           | 401
GET /api/tap/capabilities                       | 200                           | 200
GET /api/tap/availability                       | 200                           | 200
GET /api/tap/tables                             | 401 200 200 200 401           | 401
GET /api/tap/tables/dp01_dc2_catalogs.object    | 401 200 200 200 401           | 401
GET /api/tap/healthz                            | 200                           | 200
GET /api/butler/repo/                           | 401 200 200 200 401           | 401
GET /api/butler/repo/dp01/                      | 401 200 200 200 401           | 401
GET /api/butler/healthz                         | 200                           | 200

GET /nb/                                        | login                         | login 200 200 200 login
GET /nb/hub/login                               | login                         | login 200 200 200 login
GET /nb/hub/logout                              | login                         | login 200 200 200 login
POST /nb/hub/logout                             | 403                           | -
GET /nb/hub/oauth_callback                      | 400                           | 400
GET /nb/hub/link                                | 403                           | 403
POST /nb/hub/link                               | 403                           | 403
GET /nb/hub/home                                | login                         | login 200 200 200 login
GET /nb/hub/spawn                               | login                         | login 200 200 200 login
GET /nb/hub/spawn/{name}                        | login                         | login 200 404 asks login
POST /nb/hub/spawn                              | 403                           | 403 400 -   -   403
POST /nb/hub/spawn/{name}                       | 403                           | 403 400 404 400 403
GET /nb/hub/spawn-pending/{name}                | login                         | login 200 404 asks login
GET /nb/hub/user-redirect/lab                   | login                         | login 200 200 200 login
GET /nb/hub/token                               | login                         | login 200 200 200 login
GET /nb/hub/admin                               | login                         | login 403 403 200 login
GET /nb/hub/firstlight/me                       | 200                           | 200
GET /nb/hub/firstlight/state                    | 200                           | 200
GET /nb/hub/firstlight-static/firstlight.css    | 200                           | 200
GET /nb/hub/firstlight-static/hub/token.js      | 200                           | 200
GET /nb/hub/metrics                             | 403 403 403 200 403           | 403 403 403 200 403
GET /nb/hub/health                              | 200                           | 200
GET /nb/hub/firstlight/health                   | 200                           | 200

GET /nb/hub/api/                                | 200                           | 200
GET /nb/hub/api/user                            | 403 200 200 200 403           | 403 200 200 200 403
GET /nb/hub/api/users                           | 403 403 403 200 403           | 403 403 403 200 403
POST /nb/hub/api/users/{newcomer}               | 403 403 403 400 403           | 403 403 403 400 403
GET /nb/hub/api/users/{name}                    | 403 200 404 200 403           | 403 200 404 200 403
PATCH /nb/hub/api/users/{name}                  | 403 403 403 200 403           | 403 403 403 200 403
DELETE /nb/hub/api/users/{name}                 | 403 403 403 -   403           | 403 403 403 -   403
GET /nb/hub/api/users/{name}/tokens             | 403 200 404 200 403           | 403 200 404 200 403
POST /nb/hub/api/users/{name}/tokens            | 403 201 403 201 403           | 403 201 403 201 403
POST /nb/hub/api/users/{name}/activity          | 403 200 404 200 403           | 403 200 404 200 403
POST /nb/hub/api/users/{name}/server            | 403 400 404 400 403           | 403 400 404 400 403
DELETE /nb/hub/api/users/{name}/server          | 403 -   404 -   403           | 403 -   404 -   403
GET /nb/hub/api/users/{name}/server/progress    | 403 200 404 200 403           | 403 200 404 200 403
GET /nb/hub/api/groups                          | 403 403 403 200 403           | 403 403 403 200 403
POST /nb/hub/api/groups/first-light:dp0/users   | 403 403 403 400 403           | 403 403 403 400 403
GET /nb/hub/api/services                        | 403 403 403 200 403           | 403 403 403 200 403
GET /nb/hub/api/info                            | 403 403 403 200 403           | 403 403 403 200 403
GET /nb/hub/api/proxy                           | 403 403 403 200 403           | 403 403 403 200 403
POST /nb/hub/api/shutdown                       | 403 403 403 -   403           | 403 403 403 -   403
POST /nb/hub/api/firstlight/links               | 403 403 403 201 403           | 403 403 403 201 403

GET /nb/user/{name}/                            | login 200 403 200 login       | login 200 403 asks login
GET /nb/user/{name}/lab                         | login 200 403 200 login       | login 200 403 asks login
GET /nb/user/{name}/api/status                  | 403 200 403 200 403           | 403 200 403 403 403
PUT /nb/user/{name}/api/contents/{file}         | 403 200 403 200 403           | 403 200 403 403 403
GET /nb/user/{name}/api/contents/{file}         | 403 200 403 200 403           | 403 200 403 403 403
GET /nb/user/{name}/files/{file}                | login 200 403 200 login       | login 200 403 asks login
DELETE /nb/user/{name}/api/contents/gone.txt    | 403 404 403 404 403           | 403 404 403 403 403
POST /nb/user/{name}/api/kernels                | 403 201 403 201 403           | 403 201 403 403 403
POST /nb/user/{name}/api/terminals              | 403 200 403 200 403           | 403 200 403 403 403

GET /demo-github/                               | 200                           | 200
GET /demo-github/login/oauth/authorize          | 404                           | 404
POST /demo-github/login/oauth/authorize         | 403                           | 403
POST /demo-github/login/oauth/access_token      | error                         | error
GET /demo-github/api/user                       | 401                           | 401
POST /demo-github/_control                      | 403                           | 403
"""

SAMPLES = {
    "name": USER,
    "newcomer": NEWCOMER,
    "file": "matrix.txt",
    "query": "LANG=ADQL&QUERY=SELECT+TOP+1+*+FROM+dp01_dc2_catalogs.object",
    "cone": "table=dp01_dc2_catalogs.object&ra=62.0&dec=-37.0&radius=0.01",
}

BODIES = {
    "/activity": {"last_activity": "2026-01-01T00:00:00Z"},
    "/contents/matrix.txt": {"type": "file", "format": "text", "content": "x"},
    f"/users/{USER}": {"admin": False},
    "/tokens": {"expires_in": 60},
    "/dp0/users": {"users": [USER]},
    "/links": {"user": "operator"},
}
"""What an unsafe request sends, by the end of its path; nothing otherwise."""


@dataclass(frozen=True)
class Row:
    """One request, and what each role is answered."""

    method: str
    target: str
    by_token: tuple[str, ...]
    by_browser: tuple[str, ...]

    @property
    def path(self) -> str:
        """The path and query to ask for."""
        return self.target.format(**SAMPLES)


def _row(line: str) -> Row:
    request, *columns = (cell.split() for cell in line.split("|"))
    tokens, browsers = (tuple(cells * 5 if len(cells) == 1 else cells) for cells in columns)
    assert len(tokens) == len(browsers) == len(ROLES), line
    return Row(request[0], request[1], tokens, browsers)


ROWS = [_row(line) for line in TABLE.strip().splitlines() if line]


@dataclass(frozen=True)
class People:
    """A token and a browser of each role."""

    tokens: dict[str, str | None]
    browsers: dict[str, requests.Session]


@pytest.fixture(scope="module")
def people(platform: Platform) -> Iterator[People]:
    """Let everybody in; start two labs; then take the guest off their team again."""
    platform.control_github(set_person={"login": GUEST, "teams": ["first-light:dp0"]})
    names = {"user": USER, "other": "theo-teammate", "admin": "ada-admin", "revoked": GUEST}
    browsers = {"anonymous": requests.Session()}
    tokens: dict[str, str | None] = {"anonymous": None}
    for role, name in names.items():
        browsers[role] = platform.login(name)
        made = platform.hub("POST", f"/users/{name}/tokens", json={"expires_in": 600})
        tokens[role] = made.json()["token"]
        assert browsers[role].get(f"{platform.url}/portal/app", timeout=30).ok
    stop_lab(platform, names["other"])
    for role in ("user", "revoked"):
        start_lab(platform, names[role])
        lab = browsers[role].get(f"{platform.lab(names[role])}/lab", timeout=30)
        assert lab.url.endswith("/lab"), lab.url
    made = requests.put(
        f"{platform.lab(USER)}/api/contents/{SAMPLES['file']}",
        headers={"Authorization": f"Bearer {tokens['user']}"},
        json=BODIES["/contents/matrix.txt"],
        timeout=30,
    )
    assert made.ok
    assert platform.get("/api/tap/tables", tokens["revoked"]).status_code == 200
    platform.control_github(set_person={"login": GUEST, "teams": []})
    try:
        wait_for(
            lambda: platform.get("/api/tap/tables", tokens["revoked"]).status_code == 401,
            what="the guest to be out",
        )
        yield People(tokens, browsers)
    finally:
        platform.control_github(clear=True)
        platform.hub("DELETE", f"/users/{NEWCOMER}")
        for session in browsers.values():
            session.close()


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.method} {row.target}" for row in ROWS])
def test_each_endpoint_answers_only_those_who_may(
    platform: Platform, people: People, row: Row
) -> None:
    by_token, by_browser = [], []
    for role, expected in zip(ROLES, row.by_token, strict=True):
        with requests.Session() as session:
            token = people.tokens[role]
            by_token.append(expected if expected == "-" else ask(platform, row, session, token))
    platform.hub("DELETE", f"/users/{NEWCOMER}")
    for role, expected in zip(ROLES, row.by_browser, strict=True):
        session = people.browsers[role]
        by_browser.append(expected if expected == "-" else ask(platform, row, session))
    assert (tuple(by_token), tuple(by_browser)) == (row.by_token, row.by_browser)


def ask(platform: Platform, row: Row, session: requests.Session, token: str | None = None) -> str:
    """Make a request as a page of the site would; return the answer as the table names it."""
    origin = origin_of(platform.address(row.path))
    headers = {"Referer": f"{origin}/nb/hub/home", "Origin": origin}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = None
    if row.method != "GET":
        headers |= {"X-XSRFToken": anti_forgery(session.cookies, row.path)}
        body = next((body for end, body in BODIES.items() if row.path.endswith(end)), {})
    with session.request(
        row.method, platform.address(row.path), headers=headers, json=body, timeout=60, stream=True
    ) as answer:
        if "/progress" not in row.path:
            assert "Traceback" not in answer.text
        return named(platform, answer)


def anti_forgery(cookies: Iterable[Cookie], path: str) -> str:
    """Return what a page at this path puts into its requests."""
    values = [
        str(cookie.value)
        for cookie in cookies
        if cookie.name == "_xsrf" and path.startswith(cookie.path)
    ]
    return values[0] if values else "none"


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address."""
    return "{0.scheme}://{0.netloc}".format(urlsplit(address))


def named(platform: Platform, answer: requests.Response) -> str:
    """Return the status, or what stands for it in the table."""
    path = urlsplit(answer.url).path
    if answer.ok and path in {"/nb/hub/login", "/demo-github/login/oauth/authorize"}:
        return "login"
    if answer.ok and path == "/nb/hub/api/oauth2/authorize":
        return "asks"
    if answer.ok and path.endswith("/access_token") and "error=" in answer.text:
        return "error"
    assert origin_of(answer.url) in {platform.url, origin_of(platform.lab(USER))}
    return str(answer.status_code)


def test_the_table_has_every_address_of_the_reference() -> None:
    lines = re.findall(r"^\| (`/.*?) \| (.*?) \|", reference("endpoints"), re.MULTILINE)
    documented = [
        (method, address)
        for cell, methods in lines
        for address in re.findall(r"`([^`]+)`", cell)
        for method in methods.split(", ")
    ]
    assert len(documented) > 30
    missing = [
        f"{method} {address}"
        for method, address in documented
        if not any(
            method in {row.method, "all"}
            and re.fullmatch(pattern(address), urlsplit(row.path).path)
            for row in ROWS
        )
    ]
    assert not missing


def pattern(address: str) -> str:
    """Turn an address of the reference into a regular expression."""
    return re.sub(r"\\\{\w+\\\}|…", "[^?]+", re.escape(address))


def test_nothing_is_changed_without_the_sites_own_form(platform: Platform, people: People) -> None:
    """Another site can make a browser send a request with its cookies, but not with the page's key."""
    session = people.browsers["user"]
    for method, path in (
        ("POST", f"/nb/hub/api/users/{USER}/tokens"),
        ("DELETE", f"/nb/hub/api/users/{USER}/server"),
        ("POST", f"/nb/hub/spawn/{USER}"),
        ("POST", f"/nb/user/{USER}/api/kernels"),
    ):
        answer = session.request(method, platform.address(path), json={}, timeout=30)
        assert answer.status_code == 403, f"{method} {path}"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("way", ["token", "browser"])
def test_only_its_owner_and_administrators_tokens_open_a_labs_websocket(
    platform: Platform, people: People, role: str, way: str
) -> None:
    path = f"/nb/user/{USER}/api/events/subscribe"
    cookies = list(people.browsers[role].cookies) if way == "browser" else []
    token = people.tokens[role] if way == "token" else None
    may = role == "user" or (role == "admin" and way == "token")
    if may:
        asyncio.run(open_websocket(platform, path, cookies, token))
    else:
        with pytest.raises(HTTPClientError) as refused:
            asyncio.run(open_websocket(platform, path, cookies, token))
        assert refused.value.code == 403


async def open_websocket(
    platform: Platform, path: str, cookies: Iterable[Cookie], token: str | None
) -> None:
    """Open a websocket as JupyterLab does, with the cookies of this path or with a token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    cookies = [cookie for cookie in cookies if path.startswith(cookie.path)]
    if cookies:
        headers["Cookie"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)
    address = platform.address(path)
    url = address.replace("http:", "ws:")
    url += f"?_xsrf={anti_forgery(cookies, path)}"
    connection = await asyncio.wait_for(
        websocket_connect(HTTPRequest(url, headers={**headers, "Origin": origin_of(address)})), 30
    )
    connection.close()
    while await connection.read_message() is not None:
        pass  # until the other side has closed it too
