"""Logins, tokens, cookies and secrets; who reaches what is in ``test_access_matrix.py``."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.lab_client import is_ready, kernel_in_lab, start_lab, stop_lab
from tests.platform_under_test import Platform, choose_person, follow_link, form_of, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def mira(platform: Platform) -> Iterator[requests.Session]:
    """Log a person in."""
    with platform.login("mira-member") as session:
        yield session


@pytest.mark.parametrize("endpoint", ["/api/tap/tables", "/api/butler/repo/dp01/"])
def test_a_turned_away_client_is_told_how_to_authenticate(
    platform: Platform, endpoint: str
) -> None:
    answer = platform.get(endpoint)
    assert answer.status_code == 401
    assert "bearer" in answer.headers["WWW-Authenticate"].lower()


def test_a_user_cannot_act_on_another_user(platform: Platform, mira: requests.Session) -> None:
    made = platform.hub("POST", "/users/mira-member/tokens", json={"expires_in": 600})
    for method, path, status in (
        ("POST", "/users/ada-admin/server", 404),
        ("DELETE", "/users/ada-admin/server", 404),
        ("POST", "/users/ada-admin/tokens", 403),
        ("POST", "/users/newcomer", 403),
        ("DELETE", "/users/ada-admin", 403),
        ("PATCH", "/users/mira-member", 403),
        ("POST", "/groups/first-light:admins/users", 403),
        ("POST", "/shutdown", 403),
        ("POST", "/firstlight/links", 403),
    ):
        answer = platform.hub(method, path, made.json()["token"], json={"admin": True})
        assert answer.status_code == status, f"{method} {path}: {answer.status_code}"


def test_session_cookies_are_out_of_reach_of_scripts_and_other_sites(
    platform: Platform, mira: requests.Session
) -> None:
    session = mira
    assert session.get(f"{platform.url}/portal/app", timeout=30).url.endswith("/portal/app")
    start_lab(platform, "mira-member")
    assert session.get(f"{platform.lab('mira-member')}/lab", timeout=30).url.endswith("/lab")
    cookies = {cookie.name: cookie for cookie in session.cookies}
    paths = {
        "jupyterhub-hub-login": "/nb/hub/",
        "jupyterhub-session-id": "/nb/",
        f"firstlight-portal-{platform.port}": "/portal/",
        "jupyterhub-user-mira-member": "/nb/user/mira-member/",
    }
    assert {name: cookies[name].path for name in paths} == paths
    for cookie in session.cookies:
        # The key of a page's forms is for its scripts, and opens no door.
        assert cookie.has_nonstandard_attr("HttpOnly") or cookie.name == "_xsrf", cookie
        assert str(cookie.get_nonstandard_attr("SameSite")).lower() in {"lax", "strict"}, cookie


@pytest.mark.parametrize("labs", ["", "labs.data.example.org"], ids=["shared", "own"])
def test_behind_https_cookies_are_for_https_alone(
    platform: Platform, tmp_path: Path, labs: str
) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("site: {public_url: 'https://data.example.org'}\n")
    if labs:
        config.write_text(config.read_text() + f"labs: {{domain: {labs}}}\n")
    site = Platform(tmp_path / "state", config=config).take_data_of(platform)
    site.start()
    try:
        link = urlsplit(site.cli("link", "--user", "vera").stdout.split()[-1])
        assert link.scheme == "https"
        page = site.get(f"{link.path}?{link.query}")
        fields, _ = form_of(page)
        # The browser speaks https with a proxy in front; this test is that proxy.
        headers = {
            "Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in page.cookies),
            "Origin": "https://data.example.org",
            "X-Forwarded-Proto": "https",
        }
        address = f"{site.url}/nb/hub/link"
        answer = requests.post(
            address, data=fields, headers=headers, timeout=30, allow_redirects=False
        )
        assert answer.status_code == 302, answer.text
        begun = site.get("/portal/login", allow_redirects=False)
        given = {cookie.name: cookie for one in (page, answer, begun) for cookie in one.cookies}
        # A cookie with the prefix is sent to every path, so to labs too if they share the host.
        prefix = "__Host-" if labs else ""
        names = {"jupyterhub-hub-login", "jupyterhub-session-id", "_xsrf"}
        assert {prefix + name for name in names} <= set(given)
        assert any(name.startswith(f"{prefix}firstlight-portal-") for name in given)
        assert all(cookie.secure for cookie in given.values()), given
        assert not any(cookie.domain_specified for cookie in given.values()), given
        if labs:
            assert all(cookie.name.startswith(prefix) for cookie in given.values()), given
            assert all(cookie.path == "/" for cookie in given.values()), given
            login = given["__Host-jupyterhub-hub-login"].value
            for name, known in (
                ("__Host-jupyterhub-hub-login", True),
                ("jupyterhub-hub-login", False),
            ):
                me = site.get(
                    "/nb/hub/firstlight/me",
                    cookies={name: str(login), "__Host-jupyterhub-session-id": "x"},
                )
                assert (me.json()["name"] == "vera") is known, name
    finally:
        site.stop()


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
    platform: Platform, mira: requests.Session, target: str
) -> None:
    for path in ("/nb/hub/login", "/nb/hub/oauth_login", "/portal/login"):
        address = f"{platform.url}{path}"
        inside = mira.get(address, params={"next": target}, timeout=30)
        with requests.Session() as newcomer:
            page = newcomer.get(address, params={"next": target}, timeout=30)
            button = re.search(r'href="([^"]*/oauth_login[^"]*)"', page.text)
            if button:
                onward = urljoin(page.url, button[1].replace("&amp;", "&"))
                page = newcomer.get(onward, timeout=30)
            through = choose_person(newcomer, page, "mira-member")
        assert through.status_code in {200, 404}, through.text
        for answer in (inside, through):
            for hop in [*answer.history, answer]:
                host = urlsplit(hop.headers.get("Location", platform.url)).netloc
                lab = urlsplit(platform.lab("mira-member")).netloc
                assert host in {"", f"localhost:{platform.port}", lab}, hop.headers


@pytest.mark.parametrize("path", ["/nb/hub/spawn", "/nb/hub/spawn/mira-member"])
def test_an_address_starts_no_lab_and_chooses_nothing(
    platform: Platform, mira: requests.Session, path: str
) -> None:
    """A lab's page can lead its visitor's browser to any address."""
    stop_lab(platform, "mira-member")
    options = {"reset_user_env": "true", "size": "small", "opt-debug": "1"}
    page = mira.get(f"{platform.url}{path}", params=options, timeout=30)

    assert 'id="spawn_form"' in page.text
    assert "spawn-error-msg" not in page.text
    assert not platform.hub("GET", "/users/mira-member").json()["servers"]


def test_the_hub_does_not_read_a_large_body_of_a_stranger(platform: Platform) -> None:
    port = urlsplit(platform.component("hub")["url"]).port
    with socket.create_connection(("127.0.0.1", port or 0), timeout=30) as connection:
        connection.sendall(
            b"POST /nb/hub/login HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 90000000\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_token_has_only_the_scopes_it_was_made_with(
    platform: Platform, mira: requests.Session
) -> None:
    token = platform.token("mira-member", "--scope", "tap", "--for", "10m")
    assert platform.get("/api/tap/tables", token).status_code == 200
    assert platform.get("/api/butler/repo/dp01/", token).status_code == 403
    assert platform.hub("POST", "/users/mira-member/server", token).status_code in {403, 404}


def test_a_token_expires(platform: Platform, mira: requests.Session) -> None:
    token = platform.token("mira-member", "--for", "2s")
    assert platform.get("/api/tap/tables", token).status_code == 200
    wait_for(
        lambda: platform.get("/api/tap/tables", token).status_code == 401,
        seconds=15,
        what="the token to expire",
    )


def test_no_token_is_without_end(platform: Platform, mira: requests.Session) -> None:
    path = "/users/mira-member/tokens"
    assert platform.hub("POST", path, json={}).json()["expires_at"]
    assert platform.hub("POST", path, json={"expires_in": 91 * 86400}).status_code == 400
    refused = platform.cli("token", "--user", "mira-member", "--for", "91d", check=False)
    assert refused.returncode == 1
    assert "Tokens cannot be valid for that long" in refused.stderr


def test_a_revoked_token_stops_working_within_the_cache_time(
    platform: Platform, mira: requests.Session
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
    assert page.status_code == 403
    assert "Traceback" not in page.text


def test_secrets_are_not_in_logs_process_lists_or_databases(
    platform: Platform, mira: requests.Session
) -> None:
    secrets = {
        path.name: path.read_text().strip() for path in (platform.state_dir / "secrets").iterdir()
    }
    assert {"proxy_token", "crypt_key", "cookie_secret", "service_tap"} <= set(secrets)
    secrets |= secrets_of_a_persons_day(platform, mira)
    assert all(len(secret) > 10 for secret in secrets.values()), secrets
    for place in places_where_secrets_must_not_be(platform.state_dir):
        content = place.read_bytes()
        found = [name for name, secret in secrets.items() if secret.encode() in content]
        # GitHub's own tokens begin so; the hub keeps them encrypted.
        found += ["a token of GitHub"] * (re.search(rb"gho_[0-9a-f]{40}", content) is not None)
        assert not found, f"{found} in {place}"
    for command in command_lines():
        found = [name for name, secret in secrets.items() if secret.encode() in command]
        assert not found, f"{found} in a process list"


def secrets_of_a_persons_day(platform: Platform, session: requests.Session) -> dict[str, str]:
    """Use every kind of secret that a person meets, rightly and wrongly; return them."""
    token = platform.token("mira-member", "--for", "10m")
    platform.get("/api/tap/tables", token)
    platform.get(f"/nb/hub/nowhere?token={token}")
    start_lab(platform, "mira-member")
    session.get(f"{platform.lab('mira-member')}/lab", timeout=30)
    with kernel_in_lab(platform, "mira-member") as kernel:
        lab = kernel.run("import os; print(os.environ['ACCESS_TOKEN'])").strip()
    link = platform.cli("link", "--user", "operator").stdout.split()[-1]
    follow_link(link)
    assert platform.get(link.removeprefix(platform.url)).status_code == 403
    denied = platform.login("bob-blocked")
    steps = [*denied.last.history, denied.last]  # type: ignore[attr-defined]
    code = next(match for step in steps if (match := re.search(r"[?&]code=(\w+)", step.url)))
    assert denied.last.status_code == 403  # type: ignore[attr-defined]
    found = {"a person's token": token, "a lab's token": lab}
    found |= {"a link": link.split("token=")[1], "a login's code": code[1]}
    found |= {
        f"the cookie {cookie.name}": str(cookie.value)
        for cookie in session.cookies
        # These two open no door: the key of forms, and the number by which a logout finds tokens.
        if cookie.name not in {"_xsrf", "jupyterhub-session-id"}
    }
    return found


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
    # Labs run this Python: anybody may read it, and nobody may change it.
    python = platform.state_dir / "run" / "lab-python"
    open_to_others = [
        path
        for path in written
        if path.stat().st_mode & (0o022 if path.is_relative_to(python) else 0o077)
    ]
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
    def who(session: requests.Session) -> dict[str, Any]:
        return session.get(f"{platform.url}/nb/hub/api/user", timeout=30).json()

    platform.login("theo-teammate")
    old = platform.token("theo-teammate", "--for", "10m")
    # Somebody else takes the name that becomes free.
    platform.control_github(set_person={"login": "theo-teammate", "rename": "theo-renamed"})
    platform.control_github(
        set_person={"login": "theo-renamed", "rename": "theo-teammate", "id": 9999}
    )
    try:
        assert who(platform.login("theo-renamed"))["name"] == "theo-teammate"
        newcomer = who(platform.login("theo-teammate"))
        assert newcomer["name"].startswith("theo-teammate-")
        assert platform.get("/api/tap/tables", old).status_code == 200
        path = "/users/theo-teammate/tokens"
        theirs = platform.hub("POST", f"/users/{newcomer['name']}/tokens", json={"expires_in": 60})
        assert platform.hub("GET", path, theirs.json()["token"]).status_code == 404
    finally:
        platform.control_github(clear=True)


def test_while_github_is_down_people_who_are_in_stay_in(
    platform: Platform, mira: requests.Session
) -> None:
    session = platform.login("mira-member")
    token = platform.token("mira-member", "--for", "10m")
    start_lab(platform, "mira-member")
    # The first page logs the browser in to the lab.
    assert session.get(f"{platform.lab('mira-member')}/lab", timeout=30).ok
    platform.control_github(fail={"path": "/user", "status": 503, "times": None})
    try:
        time.sleep(5)  # longer than identity.refresh
        answer = session.get(f"{platform.url}/nb/hub/home", timeout=30)
        assert (answer.status_code, answer.url) == (200, f"{platform.url}/nb/hub/home")
        assert platform.get("/api/tap/tables", token).status_code == 200
        assert session.get(f"{platform.lab('mira-member')}/api/status", timeout=30).ok
        newcomer = platform.login("theo-teammate").last  # type: ignore[attr-defined]
        assert newcomer.status_code == 503
        assert "GitHub is not answering" in newcomer.text
        assert "Traceback" not in newcomer.text
    finally:
        platform.control_github(clear=True)
    assert platform.login("theo-teammate").last.ok  # type: ignore[attr-defined]


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


def test_the_runtime_file_holds_no_secret(platform: Platform) -> None:
    text = json.dumps(platform.runtime)
    secrets = [path.read_text().strip() for path in (platform.state_dir / "secrets").iterdir()]
    assert secrets
    assert not [secret for secret in secrets if secret in text]
