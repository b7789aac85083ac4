"""The templates, without a hub: each renders, with and without the site's own texts."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

from firstlight_hub.pages import template_paths
from firstlight_hub.spawner.kernel_log import KilledProcess
from firstlight_hub.spawner.shortages import Shortage
from tests.runtimes import runtime_of

UPSTREAM = Path(sys.prefix) / "share" / "jupyterhub" / "templates"
OURS = Path(template_paths()[0])
RUNTIME = runtime_of()
SITE = {
    "site": "Test <Site>",
    "contact": "help@observatory.example",
    "accent": "#aa3300",
    "version": "9.9",
    "provider": "github",
    "demo": True,
    "isolation": [
        {"name": "Memory limit", "detail": "cgroup v2", "enforced": True},
        {"name": "Network", "detail": "", "enforced": False},
    ],
    "pages": list(RUNTIME.pages()),
    "services": list(RUNTIME.services()),
    "token_scopes": "access:services!service=tap",
}


def render(template: str, **values: Any) -> BeautifulSoup:
    """Render as JupyterHub does: our folder first, its own also under ``templates/``."""
    upstream = FileSystemLoader(UPSTREAM)
    loader = ChoiceLoader(
        [FileSystemLoader(template_paths()), PrefixLoader({"templates": upstream}, "/"), upstream]
    )
    environment = Environment(loader=loader, autoescape=True)
    user = SimpleNamespace(
        name="vera", json_escaped_name="vera", spawner=SimpleNamespace(options_form="")
    )
    namespace = {
        "base_url": "/nb/hub/",
        "prefix": "/nb/",
        "static_url": lambda path, **_: f"/nb/hub/static/{path}",
        "user": user,
        "login_url": "/nb/hub/login",
        "logout_url": "/nb/hub/logout",
        "authenticator_login_url": "/nb/hub/oauth_login",
        "login_service": "GitHub",
        "parsed_scopes": {},
        "default_server": SimpleNamespace(active=False),
        "url": "/nb/hub/spawn",
        "progress_url": "/nb/hub/api/progress",
        "status_code": 403,
        "status_message": "Forbidden",
        "authenticator": SimpleNamespace(request_otp=False),
        "api_page_limit": 50,
        "link": SimpleNamespace(
            username="vera", admin=False, expires=datetime(2026, 1, 1, tzinfo=UTC)
        ),
        "server_version": "6",
        "token_expires_in_options_html": "",
        "oauth_client": SimpleNamespace(
            identifier="jupyterhub-user-rosa",
            description="Server at /nb/user/rosa/",
            redirect_uri="http://rosa.localhost/nb/user/rosa/oauth_callback",
        ),
        "allowed_scopes": ["access:servers!server=rosa/"],
        "scope_descriptions": [{"scope": None, "description": "Identify the owner", "filter": ""}],
        **values,
    }
    html = environment.get_template(template).render(**namespace)
    return BeautifulSoup(html, "html.parser")


TEMPLATES = sorted(path.name for path in OURS.glob("*.html") if path.name != "page.html")


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("site", [SITE, None], ids=["site", "bare"])
def test_each_page_is_accessible_in_the_basics(template: str, site: dict[str, Any] | None) -> None:
    page = render(template, **({"firstlight": site} if site else {}))

    assert page.html is not None
    assert page.html["lang"] == "en"
    assert page.title is not None
    assert page.title.text.strip().endswith("Test <Site>" if site else "First Light")
    headings = [h for h in page.find_all("h1") if h.get("aria-hidden") != "true"]
    assert len(headings) == 1
    assert len(page.find_all("main")) == 1
    skip = page.select_one("a.fl-skip")
    assert skip is not None
    assert page.find(id=str(skip["href"]).removeprefix("#")) == page.find("main")
    assert all(image.has_attr("alt") for image in page.find_all("img"))
    labels = {label.get("for") for label in page.find_all("label")}
    fields = page.select("main input:not([type=hidden]), main select")
    assert all(field.get("id") in labels for field in fields)


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_page_loads_anything_from_elsewhere(template: str) -> None:
    page = render(template, firstlight=SITE)
    loaded = [str(tag.get("src") or tag.get("href")) for tag in page.select("script, link, img")]

    assert all(a == "None" or (a.startswith("/") and a[1] != "/") for a in loaded)


def test_pages_of_jupyterhub_that_we_left_alone_fit_in() -> None:
    people = {"owner": SimpleNamespace(name="rosa"), "spawner": SimpleNamespace(name="")}
    page = render("accept-share.html", **people)
    main = page.find("main")

    assert main is not None
    assert main.find("h1")


def test_the_accent_is_the_sites() -> None:
    assert "--fl-accent: #aa3300" in str(render("home.html", firstlight=SITE).head)


def test_a_demonstration_says_that_it_is_one() -> None:
    assert "demonstration" in render("login.html", firstlight=SITE).text
    assert "demonstration" not in render("login.html", firstlight=SITE | {"demo": False}).text


def test_login_offers_the_provider() -> None:
    button = render("login.html", firstlight=SITE, user=None).find(id="login-with-service")

    assert button is not None
    assert button["href"] == "/nb/hub/oauth_login"
    assert "GitHub" in button.text


def test_local_login_explains_one_time_links() -> None:
    site = SITE | {"provider": "local"}
    page = render("login.html", firstlight=site, user=None, login_service="")

    assert "firstlight link --user NAME" in page.text
    assert "help@observatory.example" in page.text
    assert page.find("form") is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "You do not have access"),
        (404, "There is nothing here"),
        (429, "One moment, please"),
        (500, "Something went wrong on our side"),
        (503, "Part of the site is unavailable"),
        (418, "Sorry, that did not work"),
    ],
)
def test_an_error_says_what_happened_and_what_to_do(status: int, words: str) -> None:
    page = render("error.html", firstlight=SITE, status_code=status)

    assert page.h1 is not None
    assert page.h1.text == words
    assert page.select("main ul li")
    assert "help@observatory.example" in page.find_all("main")[0].text


def test_who_is_denied_sees_the_reason_and_whom_to_ask() -> None:
    page = render("error.html", firstlight=SITE, user=None, message="mallory is blocked here.")

    reason = page.find(id="error-reason")
    assert reason is not None
    assert reason.text.strip() == "mallory is blocked here."
    assert "ask help@observatory.example" in " ".join(page.text.split())


@pytest.mark.parametrize("contact", ["help@observatory.example", "the staff"])
def test_an_error_says_once_whom_to_ask(contact: str) -> None:
    message = f"mallory is not listed. If you should be, ask {contact}."
    page = render("error.html", firstlight=SITE | {"contact": contact}, message=message)

    assert page.text.count(contact) == 1
    assert render("error.html", firstlight=SITE | {"contact": contact}).text.count(contact) == 1


def test_a_used_link_speaks_of_links_only() -> None:
    error = SimpleNamespace(used_link=True)
    message = "This link has been used. Ask help@observatory.example for a new one."
    values = {"firstlight": SITE, "message": message, "exception": error}
    known, stranger = render("error.html", **values), render("error.html", user=None, **values)

    assert known.h1 is not None
    assert known.h1.text == "This link no longer works"
    assert "have access" not in known.text + stranger.text
    assert "another account" not in known.text + stranger.text
    assert known.select_one("main a[href='/nb/hub/home']")
    assert "firstlight link --user NAME" in stranger.text


def test_an_error_of_somebody_who_is_logged_in_has_a_way_out() -> None:
    known, stranger = render("error.html"), render("error.html", user=None)

    out = known.select_one("header #logout")
    assert out is not None
    assert out["href"] == "/nb/hub/logout"
    assert "vera" in known.select("header .fl-name")[0].text
    assert stranger.select_one("#login_widget") is None


def _token(note: str, minute: int, **values: Any) -> SimpleNamespace:
    created = datetime(2026, 1, 1, 12, minute)  # as the hub has it: UTC without a zone
    given = {"last_activity": None, "expires_at": None, "scopes": [], "api_id": f"a{minute}"}
    return SimpleNamespace(note=note, created=created, **(given | values))


def test_each_token_says_when_it_ends() -> None:
    tokens = [
        _token("Server at /nb/user/vera/", 1),
        _token("TOPCAT", 2, expires_at=datetime(2026, 2, 1)),
    ]
    page = render("token.html", firstlight=SITE, api_tokens=tokens)
    rows = [
        (row.th.text if row.th else "", row.select(".time-col")[2].text)
        for row in page.select("tr.token-row")
    ]

    assert rows == [
        ("Your lab, for the hub", "when the lab stops"),
        ("TOPCAT", "2026-02-01T00:00:00Z"),
    ]


def test_permissions_are_said_in_words() -> None:
    token = _token(
        "x", 1, scopes=["access:services!service=tap", "read:users:groups!user", "list:users"]
    )
    page = render("token.html", firstlight=SITE, api_tokens=[token])

    words = [item.text for item in page.select("details li")]
    assert words == ["use the catalogs", "read your groups", "list:users"]
    assert "JupyterHub" not in page.select("main")[0].text


def test_the_token_page_has_what_jupyterhubs_script_looks_for() -> None:
    script = (UPSTREAM.parent / "static" / "js" / "token.js").read_text()
    page = render("token.html", firstlight=SITE, api_tokens=[_token("x", 1)])
    wanted = set(re.findall(r"\$\(\"([#.][\w-]+)\"\)", script))

    assert len(wanted) > 5
    assert [one for one in wanted if not page.select_one(one)] == []


def test_an_internal_error_shows_nothing_of_its_inside() -> None:
    page = render(
        "error.html", firstlight=SITE, status_code=500, message="Traceback: x", exception="y"
    )

    assert "Traceback" not in page.text


def test_who_opens_the_lab_of_another_is_asked_in_plain_words() -> None:
    page = render("oauth.html", firstlight=SITE, xsrf="k")
    form = page.select_one("main form[method=post]")

    assert page.h1 is not None
    assert page.h1.text == "Open the lab of rosa?"
    assert "JupyterHub" not in page.select("main")[0].text
    assert page.select_one("header #logout")
    assert form is not None
    sent = {str(field["name"]): field["value"] for field in form.select("input[type=hidden]")}
    assert sent == {"_xsrf": "k", "scopes": "access:servers!server=rosa/"}
    assert form.select_one("button[type=submit]")


def test_who_goes_on_to_another_application_sees_what_it_is_told() -> None:
    client = SimpleNamespace(identifier="service-x", description="The x", redirect_uri="https://x/")
    scopes = [{"scope": "list:users", "description": "List users.", "filter": "group a"}]
    page = render("oauth.html", oauth_client=client, scope_descriptions=scopes)

    words = " ".join(page.select("main")[0].text.split())
    assert "The x asks who you are." in words
    assert "List users. Applies to group a." in words


def test_scopes_are_not_explained_to_people() -> None:
    page = render("error.html", message="Action is not authorized with current scopes")

    assert "scopes" not in page.text


def test_the_size_form_is_put_in_as_it_is() -> None:
    form = '<fieldset class="fl-sizes"><legend>Size</legend></fieldset>'
    page = render("spawn.html", firstlight=SITE, spawner_options_form=form)

    assert page.select_one("#spawn_form fieldset.fl-sizes")
    assert page.select_one("#spawn_form button[type=submit]")


def test_a_failed_start_says_why_and_what_next() -> None:
    page = render(
        "not_running.html", failed=True, failed_message="The disk is full.", spawn_url="/s"
    )

    assert page.h1 is not None
    assert page.h1.text == "Your lab did not start"
    assert "The disk is full." in page.text
    start = page.find(id="start")
    assert start is not None
    assert (start.text, start["href"]) == ("Try again", "/s")


def test_administrators_see_what_is_enforced() -> None:
    page = render("admin.html", firstlight=SITE)
    words = {
        str(row.strong and row.strong.text): row.select(".fl-status")[0].text
        for row in page.select("#firstlight-isolation li")
    }

    assert words == {"Memory limit": "enforced", "Network": "not enforced"}
    assert page.find(id="react-admin-hook")


def test_administrators_see_which_labs_ran_out_of_memory() -> None:
    process = KilledProcess("<b>java</b>", 7, 1745 * 1024**2)
    shortage = Shortage("vera", datetime(2026, 1, 1, tzinfo=UTC), 2 * 1024**3, 1, (process,))
    page = render("admin.html", firstlight={**SITE, "shortages": lambda: (shortage,)})
    (row,) = page.select("#firstlight-shortages li")

    assert "vera" in row.text
    assert "The system ended <b>java</b> (process 7, 1.7 GiB)." in row.text
    assert "01 January 2026, 00:00 UTC" in row.text
    none = render("admin.html", firstlight={**SITE, "shortages": lambda: ()})
    assert "None in the last seven days." in none.select("#firstlight-shortages")[0].text


def test_only_administrators_see_the_way_to_the_admin_page() -> None:
    assert page_links("home.html", {}) == {"Notebooks", "Catalogs", "Tokens"}
    assert page_links("home.html", {"admin-ui": True}) >= {"Admin"}


def page_links(template: str, scopes: dict[str, bool]) -> set[str]:
    """Return the words of the main navigation."""
    page = render(template, firstlight=SITE, parsed_scopes=scopes)
    return {link.text for link in page.select("nav.fl-nav a")}
