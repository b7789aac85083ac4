"""A real JupyterHub shows our pages, and tells the public how busy it is."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from bs4 import BeautifulSoup

from firstlight_hub.pages import template_paths
from tests.platform_under_test import wait_for

CONFIG = """
from pathlib import Path

from firstlight_hub.pages import handlers, template_paths
from jupyterhub.auth import DummyAuthenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner

class Spawner(SimpleLocalProcessSpawner):
    options_form = '<label for="size">Size</label><input id="size" name="size">'

class Authenticator(DummyAuthenticator):
    def get_handlers(self, app):
        return [*super().get_handlers(app), *handlers(Path("."))]

c.JupyterHub.authenticator_class = Authenticator
c.JupyterHub.spawner_class = Spawner
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"vera"}}
c.JupyterHub.base_url = "/nb/"
c.JupyterHub.hub_port = {hub}
c.JupyterHub.template_paths = ["overlay", *template_paths()]
c.JupyterHub.template_vars = {{"firstlight": {{"site": "Real", "contact": "us@real.example"}}}}
c.JupyterHub.db_url = "sqlite:///:memory:"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.ConfigurableHTTPProxy.auth_token = "not-a-secret"
"""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the hub's folder; `overlay` has the login page's template, for a test to break."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "overlay").mkdir()
    shutil.copy2(Path(template_paths()[0]) / "login.html", folder / "overlay")
    return folder


@pytest.fixture(scope="module")
def hub(folder: Path, repository: Path) -> Iterator[str]:
    """Start proxy and hub as the platform does; the value is the hub's address."""
    public, api, internal = _free_ports(3)
    (folder / "config.py").write_text(CONFIG.format(hub=internal, proxy=api))
    chp = repository / "hub" / "proxy" / "node_modules" / ".bin" / "configurable-http-proxy"
    environment = {"CONFIGPROXY_AUTH_TOKEN": "not-a-secret", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    proxy_command = [str(chp), "--ip=127.0.0.1", f"--port={public}", f"--api-port={api}"]
    hub_command = [sys.executable, "-m", "firstlight_hub", "-f", "config.py"]
    with (folder / "log").open("w") as log:
        processes = [
            subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            for command in (proxy_command, hub_command)
        ]
        try:
            url = f"http://127.0.0.1:{public}/nb/hub"
            _wait_for(f"{url}/health", processes, folder / "log")
            yield url
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait(20)


def _wait_for(url: str, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes), log.read_text()
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def vera(hub: str) -> Iterator[requests.Session]:
    """Return the session of somebody who is logged in."""
    with requests.Session() as session:
        session.get(f"{hub}/login")
        xsrf = next(cookie.value for cookie in session.cookies if cookie.name == "_xsrf")
        form = {"username": "vera", "password": "x", "_xsrf": xsrf or ""}
        assert session.post(f"{hub}/login", data=form).ok
        yield session


def test_state_counts_and_names_nobody(hub: str, vera: requests.Session) -> None:
    answer = requests.get(f"{hub}/firstlight/state")

    assert answer.ok
    state = answer.json()
    assert set(state) == {"labs_running", "people_active", "hub", "disk_full", "version"}
    assert (state["labs_running"], state["hub"]) == (0, "up")
    assert "vera" not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_browser_is_told_who_it_is_logged_in_as(hub: str, vera: requests.Session) -> None:
    answer = vera.get(f"{hub}/firstlight/me")

    assert answer.json() == {"name": "vera"}
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Vary"] == "Cookie"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_stranger_is_told_of_nobody(hub: str) -> None:
    answer = requests.get(f"{hub}/firstlight/me")

    assert answer.json() == {"name": None}
    assert "Set-Cookie" not in answer.headers


def test_the_stylesheet_comes_from_the_hub_itself(hub: str) -> None:
    page = BeautifulSoup(requests.get(f"{hub}/login").text, "html.parser")
    sheet = page.select_one('link[href*="firstlight-static"][rel="stylesheet"]')
    assert sheet is not None
    answer = requests.get(hub.removesuffix("/nb/hub") + str(sheet["href"]))

    assert answer.headers["Content-Type"] == "text/css"
    assert "--fl-accent" in answer.text


def test_nothing_beside_the_static_files_is_served(hub: str) -> None:
    assert requests.get(f"{hub}/firstlight-static/..%2fhandlers.py").status_code in (403, 404)


@pytest.mark.parametrize(
    ("path", "status", "heading"),
    [
        ("/home", 200, "Hello, vera"),
        ("/spawn", 200, "Start your lab"),
        ("/token", 200, "Tokens"),
        ("/admin", 200, "Admin"),
        ("/nowhere", 404, "There is nothing here"),
        ("/spawn/nobody", 404, "There is nothing here"),
    ],
)
def test_pages_of_the_hub_are_ours(
    hub: str, vera: requests.Session, path: str, status: int, heading: str
) -> None:
    answer = vera.get(hub + path)
    page = BeautifulSoup(answer.text, "html.parser")

    assert answer.status_code == status
    assert page.h1 is not None
    assert page.h1.text.strip() == heading
    assert "us@real.example" in page.text or path == "/admin"


@pytest.mark.parametrize(
    "path",
    [
        "/home",
        "/spawn",
        "/token",
        "/admin",
        "/nowhere",
        "/user/vera/lab",
        "/login",
        "/accept-share",
    ],
)
def test_a_page_runs_only_the_scripts_with_its_nonce(
    hub: str, vera: requests.Session, path: str
) -> None:
    answer = vera.get(hub + path)
    page = BeautifulSoup(answer.text, "html.parser")
    policy = dict(
        rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; ")
    )
    nonces = {str(script.get("nonce")) for script in page.find_all("script")}

    assert len(nonces) == 1
    assert policy["script-src"] == f"'nonce-{nonces.pop()}' 'strict-dynamic'"
    for rule in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert policy[rule] == "'none'"
    # JupyterHub's program on this page inserts stylesheets without a nonce.
    assert ("unsafe-inline" in policy["style-src"]) is (path == "/admin")
    assert not page.select("[style], [onclick], [onsubmit]")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert vera.get(hub + path).headers["Content-Security-Policy"] != "; ".join(
        f"{name} {value}" for name, value in policy.items()
    )


@pytest.mark.parametrize("path", ["/api/", "/static/js/jhapi.js", "/firstlight/state", "/health"])
def test_browsers_do_not_guess_the_type_of_an_answer(hub: str, path: str) -> None:
    assert requests.get(hub + path).headers["X-Content-Type-Options"] == "nosniff"


def test_a_wrong_page_tells_a_stranger_nothing(hub: str) -> None:
    page = BeautifulSoup(requests.get(f"{hub}/nowhere").text, "html.parser")

    assert page.h1 is not None
    assert page.h1.text == "There is nothing here"
    assert page.select_one("nav.fl-nav") is None


def test_a_hub_that_cannot_render_its_pages_is_not_healthy(hub: str, folder: Path) -> None:
    def status(path: str) -> int:
        return requests.get(f"{hub}{path}", timeout=10).status_code

    assert status("/firstlight/health") == 200
    broken = folder / "overlay" / "login.html"
    whole = broken.read_text()
    broken.write_text('{% extends "a-template-that-was-never-installed.html" %}')
    try:
        wait_for(lambda: status("/firstlight/health") == 500, what="the check to fail")
        assert status("/login") == 500
        assert status("/health") == 200  # which is why this is not the check
    finally:
        broken.write_text(whole)
    wait_for(lambda: status("/firstlight/health") == 200, what="the check to succeed")


def test_the_health_check_leaves_nothing_in_the_log_but_its_line(hub: str, folder: Path) -> None:
    log = folder / "log"
    before = len(log.read_bytes())
    assert requests.get(f"{hub}/firstlight/health", timeout=10).text == "ok\n"
    # The next request is logged after whatever the check left.
    assert requests.get(f"{hub}/firstlight/me", timeout=10).ok

    def since() -> str:
        return log.read_bytes()[before:].decode()

    wait_for(lambda: "/firstlight/me" in since(), what="the next request in the log")
    assert "Traceback" not in since()


def test_the_health_check_leaves_the_keys_of_open_pages_alone(hub: str) -> None:
    assert "_xsrf" in requests.get(f"{hub}/login", timeout=10).cookies
    assert not requests.get(f"{hub}/firstlight/health", timeout=10).cookies
