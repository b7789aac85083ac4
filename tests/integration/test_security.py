"""Nobody reaches what is not theirs: each endpoint × each role."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.lab_client import is_ready, start_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROLES = ("anonymous", "user", "other", "admin", "revoked")

#: Endpoint → the roles that may GET it (everybody else is turned away).
ENDPOINTS: dict[str, set[str]] = {
    "/": set(ROLES),
    "/state.json": set(ROLES),
    "/nb/hub/health": set(ROLES),
    "/nb/hub/firstlight/state": set(ROLES),
    "/nb/hub/api/user": {"user", "other", "admin"},
    "/nb/hub/api/users": {"admin"},
    "/nb/hub/api/users/mira-member": {"user", "admin"},
    "/nb/hub/api/users/mira-member/tokens": {"user", "admin"},
    "/nb/hub/api/users/ada-admin": {"admin"},
    "/nb/hub/api/services": {"admin"},
    "/nb/hub/api/info": {"admin"},
    "/nb/hub/api/proxy": {"admin"},
    "/nb/hub/metrics": {"admin"},
    "/api/tap/availability": set(ROLES),
    "/api/tap/healthz": set(ROLES),
    "/api/tap/tables": {"user", "other", "admin"},
    "/api/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+1+*+FROM+dp01_dc2_catalogs.object": {
        "user",
        "other",
        "admin",
    },
    "/api/butler/healthz": set(ROLES),
    "/api/butler/repo/dp01/": {"user", "other", "admin"},
}


@pytest.fixture(scope="module")
def people(platform: Platform) -> Iterator[dict[str, requests.Session]]:
    """Log in a user, another user and an administrator; each has a token with all of their rights."""
    sessions = {
        "user": platform.login("mira-member"),
        "other": platform.login("theo-teammate"),
        "admin": platform.login("ada-admin"),
    }
    yield sessions
    for session in sessions.values():
        session.close()


@pytest.fixture(scope="module")
def tokens(platform: Platform, people: dict[str, requests.Session]) -> dict[str, str | None]:
    """Return a token of each role."""

    def mint(name: str) -> str:
        answer = platform.hub("POST", f"/users/{name}/tokens", json={"expires_in": 600})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    revoked = platform.hub("POST", "/users/mira-member/tokens", json={"expires_in": 600}).json()
    gone = platform.hub("DELETE", f"/users/mira-member/tokens/{revoked['id']}")
    assert gone.status_code == 204
    return {
        "anonymous": None,
        "user": mint("mira-member"),
        "other": mint("theo-teammate"),
        "admin": mint("ada-admin"),
        "revoked": revoked["token"],
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_endpoint_answers_only_those_who_may(
    platform: Platform, tokens: dict[str, str | None], endpoint: str, role: str
) -> None:
    answer = platform.get(endpoint, tokens[role], allow_redirects=False)
    if role in ENDPOINTS[endpoint]:
        assert answer.status_code == 200, answer.text[:500]
    else:
        assert answer.status_code in {302, 401, 403, 404}, answer.text[:500]
        if answer.status_code == 302:
            assert "login" in answer.headers["Location"]
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("endpoint", ["/api/tap/tables", "/api/butler/repo/dp01/"])
def test_a_turned_away_client_is_told_how_to_authenticate(
    platform: Platform, endpoint: str
) -> None:
    answer = platform.get(endpoint)
    assert answer.status_code == 401
    assert "bearer" in answer.headers["WWW-Authenticate"].lower()


def test_a_user_cannot_act_on_another_user(
    platform: Platform, tokens: dict[str, str | None], people: dict[str, requests.Session]
) -> None:
    for method, path in (
        ("POST", "/users/ada-admin/server"),
        ("DELETE", "/users/ada-admin/server"),
        ("POST", "/users/ada-admin/tokens"),
        ("POST", "/users/newcomer"),
        ("DELETE", "/users/ada-admin"),
        ("PATCH", "/users/mira-member"),
        ("POST", "/groups/first-light:admins/users"),
        ("POST", "/shutdown"),
        ("POST", "/firstlight/links"),
    ):
        answer = platform.hub(method, path, tokens["user"], json={"admin": True})
        assert answer.status_code in {403, 404}, f"{method} {path}: {answer.status_code}"


def test_only_the_operator_mints_login_links(
    platform: Platform, tokens: dict[str, str | None]
) -> None:
    for role in ("user", "revoked"):
        answer = platform.hub("POST", "/firstlight/links", tokens[role], json={"user": "operator"})
        assert answer.status_code in {401, 403}


def test_the_admin_page_is_for_administrators(
    platform: Platform, people: dict[str, requests.Session]
) -> None:
    assert people["admin"].get(f"{platform.url}/nb/hub/admin", timeout=30).status_code == 200
    assert people["user"].get(f"{platform.url}/nb/hub/admin", timeout=30).status_code in {403, 404}


def test_session_cookies_are_out_of_reach_of_scripts_and_other_sites(
    platform: Platform, people: dict[str, requests.Session]
) -> None:
    cookies = list(people["user"].cookies)
    login = [cookie for cookie in cookies if cookie.name == "jupyterhub-hub-login"]
    assert login
    for cookie in login:
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert str(cookie.get_nonstandard_attr("SameSite")).lower() in {"lax", "strict"}
        assert cookie.path == "/nb/hub/"
    sessions = [cookie for cookie in cookies if cookie.name == "jupyterhub-session-id"]
    assert all(cookie.has_nonstandard_attr("HttpOnly") for cookie in sessions)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "https:evil.example",
        "%2F%2Fevil.example",
    ],
)
def test_next_cannot_leave_the_site(
    platform: Platform, people: dict[str, requests.Session], target: str
) -> None:
    for path in ("/nb/hub/login", "/nb/hub/oauth_login"):
        answer = people["user"].get(
            f"{platform.url}{path}", params={"next": target}, timeout=30, allow_redirects=True
        )
        for hop in [*answer.history, answer]:
            host = urlsplit(hop.headers.get("Location", platform.url)).netloc
            assert host in {"", f"127.0.0.1:{platform.port}"}, hop.headers


def test_a_token_has_only_the_scopes_it_was_made_with(
    platform: Platform, people: dict[str, requests.Session]
) -> None:
    token = platform.token("mira-member", "--scope", "tap", "--for", "10m")
    assert platform.get("/api/tap/tables", token).status_code == 200
    assert platform.get("/api/butler/repo/dp01/", token).status_code == 403
    assert platform.hub("POST", "/users/mira-member/server", token).status_code in {403, 404}


def test_a_token_expires(platform: Platform, people: dict[str, requests.Session]) -> None:
    token = platform.token("mira-member", "--for", "2s")
    assert platform.get("/api/tap/tables", token).status_code == 200
    wait_for(
        lambda: platform.get("/api/tap/tables", token).status_code == 401,
        seconds=15,
        what="the token to expire",
    )


def test_no_token_is_without_end(platform: Platform, people: dict[str, requests.Session]) -> None:
    path = "/users/mira-member/tokens"
    assert platform.hub("POST", path, json={}).json()["expires_at"]
    assert platform.hub("POST", path, json={"expires_in": 91 * 86400}).status_code == 400
    refused = platform.cli("token", "--user", "mira-member", "--for", "91d", check=False)
    assert refused.returncode == 1
    assert "longer than a token may live here" in refused.stderr


def test_a_revoked_token_stops_working_within_the_cache_time(
    platform: Platform, people: dict[str, requests.Session]
) -> None:
    made = platform.hub("POST", "/users/mira-member/tokens", json={"expires_in": 600}).json()
    assert platform.get("/api/tap/tables", made["token"]).status_code == 200
    platform.hub("DELETE", f"/users/mira-member/tokens/{made['id']}")
    wait_for(
        lambda: platform.get("/api/tap/tables", made["token"]).status_code == 401,
        seconds=10,
        what="the revoked token to be refused",
    )


def test_the_start_up_link_makes_one_administrator_and_works_once(platform: Platform) -> None:
    link = platform.cli("link", "--user", "operator", "--admin").stdout
    url = re.search(r"http://\S+/nb/hub/link\?token=\S+", link)
    assert url
    first = follow_link(url[0])
    assert first.get(f"{platform.url}/nb/hub/admin", timeout=30).status_code == 200
    second = requests.Session()
    page = second.get(url[0], timeout=30)
    assert page.status_code in {403, 404, 410}
    assert "Traceback" not in page.text


def follow_link(url: str) -> requests.Session:
    session = requests.Session()
    page = session.get(url, timeout=30)
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
    action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    target = url if not action or not action[1] else requests.compat.urljoin(url, action[1])
    answer = session.post(
        target, data=fields, timeout=30, headers={"Origin": origin, "Referer": url}
    )
    assert answer.status_code == 200, answer.text[:500]
    return session


def test_secrets_are_not_in_logs_process_lists_or_databases(
    platform: Platform, people: dict[str, requests.Session]
) -> None:
    token = platform.token("mira-member", "--for", "10m")
    platform.get("/api/tap/tables", token)
    secrets = {
        path.name: path.read_text().strip() for path in (platform.state_dir / "secrets").iterdir()
    }
    assert {"proxy_token", "crypt_key", "cookie_secret", "service_tap"} <= set(secrets)
    secrets["a person's token"] = token
    for name, secret in secrets.items():
        needle = secret.encode()
        for place in places_where_secrets_must_not_be(platform.state_dir):
            assert needle not in place.read_bytes(), f"{name} stands in {place}"
        for command in command_lines():
            assert needle not in command, f"{name} stands in a process list"


def places_where_secrets_must_not_be(state_dir: Path) -> list[Path]:
    found = [
        *(state_dir / "logs").rglob("*"),
        *(state_dir / "hub").rglob("*"),
        *(state_dir / "run").rglob("*.conf"),
    ]
    found += [state_dir.parent / "up.log", *(state_dir / "run").glob("*.json")]
    return [path for path in found if path.is_file()]


def command_lines() -> list[bytes]:
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                lines.append((entry / "cmdline").read_bytes())
            except OSError:
                continue
    return lines


def test_secret_files_are_the_operators_alone(platform: Platform) -> None:
    folder = platform.state_dir / "secrets"
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_databases_and_logs_are_the_operators_alone(platform: Platform) -> None:
    for name in ("hub", "logs", "run/labs"):
        folder = platform.state_dir / name
        assert folder.stat().st_mode & 0o077 == 0, folder
    written = [
        path
        for name in ("hub", "logs", "run")
        for path in (platform.state_dir / name).rglob("*")
        if path.is_file()
    ]
    assert {"jupyterhub.sqlite", "people.sqlite", "hub.log"} <= {path.name for path in written}
    open_to_others = [path for path in written if path.stat().st_mode & 0o077]
    assert not open_to_others


def test_who_is_taken_off_the_list_loses_access_tokens_and_lab(platform: Platform) -> None:
    platform.login("theo-teammate")
    token = platform.token("theo-teammate", "--for", "10m")
    assert platform.get("/api/tap/tables", token).status_code == 200
    start_lab(platform, "theo-teammate")
    platform.control_github(set_person={"login": "theo-teammate", "teams": []})
    try:
        wait_for(
            lambda: platform.get("/api/tap/tables", token).status_code == 401,
            seconds=30,
            what="the token to be revoked",
        )
        wait_for(
            lambda: not is_ready(platform, "theo-teammate"), seconds=30, what="the lab to stop"
        )
        assert platform.login("theo-teammate").last.status_code == 403  # type: ignore[attr-defined]
    finally:
        platform.control_github(clear=True)


def test_a_renamed_account_stays_itself_and_its_old_name_inherits_nothing(
    platform: Platform,
) -> None:
    platform.login("theo-teammate")
    platform.control_github(set_person={"login": "theo-teammate", "rename": "theo-renamed"})
    try:
        session = platform.login("theo-renamed")
        home = session.get(f"{platform.url}/nb/hub/api/user", timeout=30)
        assert home.json()["name"] == "theo-teammate"
    finally:
        platform.control_github(clear=True)


def test_while_github_is_down_people_who_are_in_stay_in(
    platform: Platform, people: dict[str, requests.Session]
) -> None:
    session = platform.login("mira-member")
    platform.control_github(fail={"path": "/user", "status": 503, "times": None})
    try:
        time.sleep(5)  # longer than identity.refresh
        answer = session.get(f"{platform.url}/nb/hub/home", timeout=30)
        assert answer.status_code == 200
        assert "/nb/hub/home" in answer.url
        newcomer = requests.Session()
        page = newcomer.get(f"{platform.url}/nb/hub/login", timeout=30)
        assert page.status_code == 200
    finally:
        platform.control_github(clear=True)


def test_errors_tell_no_internals(platform: Platform) -> None:
    for path in (
        "/nb/hub/nowhere",
        "/api/tap/nowhere",
        "/api/butler/repo/nowhere/",
        "/portal/nowhere",
        "/nowhere",
    ):
        answer = platform.get(path)
        assert answer.status_code in {401, 404}, path
        assert "Traceback" not in answer.text
        assert str(platform.state_dir) not in answer.text


def test_the_runtime_file_names_no_secret(platform: Platform) -> None:
    assert "secret" not in json.dumps(platform.runtime).lower()
