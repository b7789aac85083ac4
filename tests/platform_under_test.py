"""A real platform, started by the real command, for tests to talk to."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import urljoin, urlsplit

import requests

from tests.waiting import wait_for

__all__ = [
    "PLATFORM_PYTHON",
    "Platform",
    "follow_link",
    "form_of",
    "free_port",
    "stopped",
    "wait_for",
]

_getaddrinfo = socket.getaddrinfo


def _resolve_as_browsers_do(host: Any, *arguments: Any, **options: Any) -> Any:
    """Resolve names below ``localhost`` and ``test`` (RFC 6761) to this machine."""
    if isinstance(host, str) and host.endswith((".localhost", ".test")):
        host = "127.0.0.1"
    return _getaddrinfo(host, *arguments, **options)


socket.getaddrinfo = _resolve_as_browsers_do

PLATFORM_PYTHON = str(Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python")
"""The interpreter that people run the platform with; the tests have one of their own."""


#: Makes it an error that a component's code blocks its event loop.
NO_BLOCKING = {
    "PYTHONPATH": str(Path(__file__).with_name("no_blocking")),
    "FIRSTLIGHT_TOOLS": sysconfig.get_path("purelib"),
}


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process stand still, until the end of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@dataclass
class Platform:
    """One instance of ``firstlight up`` and the ways to reach it."""

    state_dir: Path
    config: Path | None = None
    demo: bool = False
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    public_url: str = ""
    process: subprocess.Popen[bytes] | None = None
    log_file: Path = field(init=False)
    _log: IO[bytes] | None = None

    def __post_init__(self) -> None:
        self.log_file = self.state_dir.parent / "up.log"

    def take_data_of(self, other: Platform) -> Self:
        """Copy another instance's sample data, so that the start need not make them."""
        self.state_dir.mkdir()
        shutil.copytree(other.state_dir / "data", self.state_dir / "data")
        return self

    @property
    def url(self) -> str:
        """The public address, without a trailing slash."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def inner(self) -> str:
        """The proxy's own address, behind a web server that terminates TLS."""
        return f"http://localhost:{self.port}"

    def lab(self, name: str) -> str:
        """Return the address of somebody's lab, without a trailing slash."""
        if not (domain := self.runtime["labs_domain"]):
            return f"{self.url}/nb/user/{name}"
        main = urlsplit(self.url)
        return f"{main.scheme}://{name}.{domain}:{main.port}/nb/user/{name}"

    def address(self, path: str) -> str:
        """Return the address of a path: a lab's is on a host of its own."""
        name = re.match(r"/nb/user/([^/]+)/", path)
        return f"{self.lab(name[1])}{path[name.end() - 1 :]}" if name else self.url + path

    @property
    def output(self) -> str:
        """What ``firstlight up`` printed so far."""
        return self.log_file.read_text()

    @property
    def runtime(self) -> dict[str, Any]:
        """What ``firstlight up`` decided for this run."""
        return json.loads((self.state_dir / "run" / "runtime.json").read_text())

    def component(self, name: str) -> dict[str, Any]:
        """Return the description of a component of this run."""
        return next(one for one in self.runtime["components"] if one["name"] == name)

    def start(self, *, seconds: float = 240) -> None:
        """Start, and return when the address and the administrator's link are printed."""
        process = self.run_in_background()
        end = time.monotonic() + seconds
        while not self.admin_link():
            if process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"firstlight up did not come up:\n{self.output}")
            time.sleep(0.1)

    def run_in_background(self) -> subprocess.Popen[bytes]:
        """Run ``firstlight up``, and return at once."""
        self.state_dir.parent.mkdir(parents=True, exist_ok=True)
        command = ["up", "--port", str(self.port), "--state-dir", str(self.state_dir)]
        if self.config:
            command += ["--config", str(self.config)]
        if self.demo:
            command += ["--demo"]
        if self._log:
            self._log.close()
        self._log = self.log_file.open("wb")
        self.process = subprocess.Popen(
            [*self.prefix, PLATFORM_PYTHON, "-m", "firstlight_cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "NO_COLOR": "1",
                "COLUMNS": "240",
                **NO_BLOCKING,
                **self.environment,
            },
            start_new_session=True,
        )
        return self.process

    def admin_link(self) -> str | None:
        """Return the one-time administrator link, once it is printed."""
        match = re.search(r"https?://\S+/nb/hub/link\?token=[\w.~-]+", self.output)
        return match[0] if match else None

    def stop(self, *, seconds: float = 30) -> int:
        """Press Ctrl-C, and return the exit code; nothing may have blocked an event loop."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            if self._log:
                self._log.close()
        for log in (self.state_dir / "logs").glob("*.log"):
            assert "BlockingError" not in log.read_text(errors="replace"), log
        return code

    def cli(
        self, *arguments: str, check: bool = True, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a ``firstlight`` command against this instance."""
        done = subprocess.run(
            [PLATFORM_PYTHON, "-m", "firstlight_cli", *arguments, "--state-dir", self.state_dir],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def status(self) -> dict[str, Any]:
        """Return what ``firstlight status --json`` says."""
        return json.loads(self.cli("status", "--json", check=False).stdout)

    def status_or_none(self) -> list[dict[str, Any]]:
        """Return the components' state; an empty list while no supervisor answers."""
        done = self.cli("status", "--json", check=False)
        return json.loads(done.stdout)["components"] if done.stdout else []

    def token(self, user: str, *options: str) -> str:
        """Mint a token on the operator's machine."""
        return self.cli("token", "--user", user, *options).stdout.strip()

    def secret(self, name: str) -> str:
        """Read one of the instance's secrets."""
        return (self.state_dir / "secrets" / name).read_text().strip()

    def hub(
        self, method: str, path: str, token: str | None = None, **keywords: Any
    ) -> requests.Response:
        """Call the hub's API, as the operator unless a token is given."""
        return requests.request(
            method,
            f"{self.inner}/nb/hub/api{path}",
            headers={"Authorization": f"token {token or self.secret('service_operator')}"},
            timeout=30,
            **keywords,
        )

    def get(self, path: str, token: str | None = None, **keywords: Any) -> requests.Response:
        """GET a path of the public address."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.get(
            self.address(path), headers=headers, timeout=keywords.pop("timeout", 60), **keywords
        )

    def query(self, adql: str, token: str, **keywords: Any) -> requests.Response:
        """Run a synchronous TAP query."""
        return requests.post(
            f"{self.url}/api/tap/sync",
            data={"LANG": "ADQL", "QUERY": adql},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            **keywords,
        )

    def login(self, person: str) -> requests.Session:
        """Log in through the pretend GitHub as one of its people; the last answer is in `.last`."""
        session = requests.Session()
        page = session.get(f"{self.url}/nb/hub/oauth_login", timeout=30)
        answer = choose_person(session, page, person)
        session.last = answer  # type: ignore[attr-defined]
        return session

    def log_out(self, session: requests.Session) -> requests.Response:
        """Press the button of the page that asks, and return the page after it."""
        asked = session.get(f"{self.url}/nb/hub/logout", timeout=30)
        key = re.search(r'name="_xsrf" value="([^"]+)"', asked.text)
        assert key, asked.text
        return session.post(asked.url, data={"_xsrf": key[1]}, timeout=30)

    def control_github(self, **command: Any) -> None:
        """Make the pretend GitHub fail, forget, or change a person."""
        answer = requests.post(
            f"{self.component('demo-github')['url']}/demo-github/_control",
            json=command,
            headers={"X-Demo-Control": self.secret("demo_github_client_secret")},
            timeout=10,
        )
        answer.raise_for_status()

    def pid_of(self, component: str) -> int:
        """Return the process id of a component."""
        components: Sequence[Mapping[str, Any]] = self.status()["components"]
        return next(int(entry["pid"]) for entry in components if entry["name"] == component)


def choose_person(
    session: requests.Session, page: requests.Response, person: str
) -> requests.Response:
    """Press the button of one of the pretend people."""
    form = re.search(
        rf'<form[^>]*>(?:(?!</form>).)*id="person-{person}"(?:(?!</form>).)*</form>',
        page.text,
        re.DOTALL,
    )
    assert form, f"no button for {person} on {page.url}"
    action = re.search(r'action="([^"]*)"', form[0])
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form[0]))
    button = re.search(rf'<button[^>]*id="person-{person}"[^>]*>', form[0])
    if button and (named := re.search(r'name="([^"]+)"', button[0])):
        value = re.search(r'value="([^"]*)"', button[0])
        fields[named[1]] = value[1] if value else ""
    target = urljoin(page.url, action[1].replace("&amp;", "&") if action else "")
    fields = {key: value.replace("&amp;", "&") for key, value in fields.items()}
    return session.post(target, data=fields, timeout=30)


def follow_link(url: str) -> requests.Session:
    """Log in with a one-time link, as a browser does."""
    session = requests.Session()
    fields, action = form_of(session.get(url, timeout=30))
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    target = urljoin(url, action)
    answer = session.post(
        target, data=fields, timeout=30, headers={"Origin": origin, "Referer": url}
    )
    assert answer.status_code == 200, answer.text[:500]
    return session


def form_of(page: requests.Response) -> tuple[dict[str, str], str]:
    """Return what a page's form sends, and where to."""
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
    action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
    assert action, page.text
    return fields, action[1]
