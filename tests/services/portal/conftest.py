"""A portal with a small hub and a small catalog behind it, all on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from firstlight_common.components import Component, HubService
from firstlight_common.runtime import DataSet, Position
from firstlight_common.section import Section
from firstlight_services.portal.app import make_app
from firstlight_services.portal.component import COMPONENT, ERROR_PAGES
from firstlight_services.portal.service import Portal
from firstlight_services.portal.settings import PortalSettings
from firstlight_services.portal.standby import make_app as make_error_pages
from firstlight_services.web import ServiceApplication
from firstlight_services.web.testing import (
    FakeHub,
    fetch,
    make_context,
    running_component,
    serving,
)

# The portal knows other components by their descriptions only: these are not the real ones.
TAP = Component(
    name="tap", title="Catalogs", path="/api/tap/", command=(), hub_service=HubService()
)
BUTLER = Component(
    name="butler", title="Images", path="/api/butler/", command=(), hub_service=HubService()
)
SKY = Component(name="sky", title="Sky maps", path="/sky/", command=())
UNTITLED = Component(name="helper", path="/helper/", command=())

SAMPLE = DataSet(
    sample=True,
    label="dp01",
    title="The sample",
    felis=Path("dp01.yaml"),
    position=Position(ra=62.0, dec=-37.0),
)
SCOPES = ("access:services!service=portal", "access:services!service=tap")

TABLES = """<?xml version="1.0"?>
<vosi:tableset xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0">
 <schema><name>dp01_dc2_catalogs</name>
  <table><name>dp01_dc2_catalogs.object</name><description>Measured &lt;objects&gt;. (5 columns)</description>
   <column><name>objectId</name><description>Its number</description>
    <ucd>meta.id;meta.main</ucd><dataType>long</dataType><flag>principal</flag></column>
   <column><name>ra</name><unit>deg</unit><ucd>pos.eq.ra;meta.main</ucd></column>
   <column><name>dec</name><unit>deg</unit><ucd>pos.eq.dec;meta.main</ucd></column>
   <column><name>blendedness</name></column>
   <column><name>mag_i</name><unit>mag</unit><flag>principal</flag></column>
  </table>
  <table><name>dp01_dc2_catalogs.visits</name><column><name>visit</name></column></table>
 </schema>
 <schema><name>tap_schema</name><table><name>TAP_SCHEMA.tables</name></table></schema>
</vosi:tableset>"""

ROWS = """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
 <RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/><TABLE>
  <FIELD name="objectId" datatype="long"/><FIELD name="ra" datatype="double" unit="deg"/>
  <FIELD name="note" datatype="char" arraysize="*"/>
  <DATA><TABLEDATA>
   <TR><TD>42</TD><TD>61.9</TD><TD>&lt;script&gt;alert(1)&lt;/script&gt;</TD></TR>
   <TR><TD>43</TD><TD>NaN</TD><TD></TD></TR>
  </TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""


@dataclass
class Catalog:
    """A TAP service that records what it was asked."""

    answer: tuple[int, str] = (200, ROWS)
    tokens: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)

    def app(self) -> Application:
        catalog = self

        class Tables(RequestHandler):
            def get(self) -> None:
                catalog.tokens.append(self.request.headers.get("Authorization", ""))
                self.write(TABLES)

        class Sync(RequestHandler):
            def post(self) -> None:
                catalog.tokens.append(self.request.headers.get("Authorization", ""))
                catalog.queries.append(self.get_body_argument("QUERY"))
                self.set_status(catalog.answer[0])
                self.write(catalog.answer[1])

        class Health(RequestHandler):
            def get(self) -> None:
                self.write({"status": "ok"})

        return Application(
            [
                ("/api/tap/tables", Tables),
                ("/api/tap/sync", Sync),
                ("/api/tap/healthz", Health),
            ],
            log_function=lambda _: None,
        )


@dataclass
class Browser:
    """Keeps cookies, follows no redirect."""

    base: str
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Any:
        return self._keep(await fetch(self.base + path, headers=self._headers(headers)))

    async def post(self, path: str, form: dict[str, str]) -> Any:
        address = self.base + path
        return self._keep(await fetch(address, method="POST", headers=self._headers({}), form=form))

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return headers | ({"Cookie": cookie} if cookie else {})

    def _keep(self, answer: Any) -> Any:
        for header in answer.headers.get_list("Set-Cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value.strip('"'):
                del self.cookies[name]
        return answer


@dataclass
class Site:
    """The portal and its surroundings."""

    url: str
    error_pages: str
    hub: FakeHub
    catalog: Catalog
    app: ServiceApplication[Portal]

    def at(self, path: str) -> str:
        """Return the URL of a path, at the component where the proxy would look for it."""
        mine = path.startswith((ERROR_PAGES.path, *ERROR_PAGES.more_paths))
        return (self.error_pages if mine else self.url) + path

    def browser(self) -> Browser:
        return Browser(self.url)

    async def log_in(self, token: str = "vera-token", path: str = "/portal/app") -> Browser:
        """Log in as a browser does; the hub's own page is skipped."""
        browser = self.browser()
        to_login = await browser.get(path)
        to_hub = await browser.get(to_login.headers["Location"])
        asked = parse_qs(urlsplit(to_hub.headers["Location"]).query)
        self.hub.grant_code("a-code", token, asked["code_challenge"][0])
        answer = await browser.get(f"/portal/oauth_callback?code=a-code&state={asked['state'][0]}")
        browser.last = answer  # type: ignore[attr-defined]
        return browser


@pytest.fixture
def settings() -> dict[str, Any]:
    return {
        "site": {"name": "Test <Site>", "contact": "help@observatory.example"},
        "identity": {"provider": "github"},
    }


@pytest.fixture
def public_url() -> str:
    return "http://127.0.0.1:8000"


@pytest.fixture
def labs_domain() -> str:
    return ""


@pytest.fixture
def datasets() -> list[DataSet]:
    return [SAMPLE]


@pytest.fixture
async def site(
    tmp_path: Path,
    settings: dict[str, Any],
    public_url: str,
    labs_domain: str,
    datasets: list[DataSet],
) -> AsyncIterator[Site]:
    catalog = Catalog()
    socket, closed_port = bind_unused_port()
    socket.close()
    async with FakeHub().running() as hub, serving(catalog.app()) as tap_url:
        hub.add_token("vera-token", "vera", scopes=SCOPES)
        others = [
            running_component(BUTLER, closed_port),
            running_component(SKY, closed_port).model_copy(update={"runs": False}),
            running_component(TAP, urlsplit(tap_url).port or 0),
            running_component(UNTITLED, closed_port),
        ]
        run: dict[str, Any] = {
            "settings": settings,
            "datasets": datasets,
            "public_url": public_url,
            "labs_domain": labs_domain,
        }
        app = make_app(make_context(tmp_path, COMPONENT, PortalSettings, hub, others=others, **run))
        others.append(app.context.component)
        standby = make_error_pages(
            make_context(tmp_path, ERROR_PAGES, Section, hub, others=others, **run)
        )
        async with (
            serving(app) as url,
            app.running(),
            serving(standby) as error_pages,
            standby.running(),
        ):
            yield Site(url, error_pages, hub, catalog, app)
