"""Where a site and its labs are, and who else may listen there."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from firstlight_cli.cli import command
from firstlight_cli.plan import origins_of
from firstlight_cli.ports import hold, is_free, other_loopback


def settings(
    bind: str = "127.0.0.1", public_url: str | None = None, domain: str | None = None
) -> dict[str, object]:
    return {
        "site": {"public_url": public_url},
        "network": {"bind": bind},
        "labs": {"domain": domain},
    }


@pytest.mark.parametrize(
    ("bind", "public_url", "domain", "main", "labs_domain"),
    [
        ("127.0.0.1", None, None, "http://localhost:8000", "localhost"),
        ("::1", None, None, "http://localhost:8000", "localhost"),
        ("127.0.0.1", "http://localhost:9000/", None, "http://localhost:9000", "localhost"),
        ("127.0.0.1", "http://127.0.0.1:8000", None, "http://127.0.0.1:8000", ""),
        ("192.0.2.7", None, None, "http://192.0.2.7:8000", ""),
        ("0.0.0.0", "https://data.example.org/", None, "https://data.example.org", ""),
        (
            "127.0.0.1",
            "https://data.example.org",
            "labs.example.net",
            "https://data.example.org",
            "labs.example.net",
        ),
    ],
)
def test_labs_have_origins_of_their_own_on_localhost_or_with_a_domain(
    bind: str, public_url: str | None, domain: str | None, main: str, labs_domain: str
) -> None:
    found = origins_of(settings(bind, public_url, domain), bind=None, port=8000)  # type: ignore[arg-type]

    assert (found.main, found.labs_domain) == (main, labs_domain)


@pytest.fixture
def port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_else_can_listen_on_the_other_address_of_localhost(port: int) -> None:
    assert other_loopback("::1") == "127.0.0.1"
    with hold(port, "127.0.0.1"):
        assert not is_free(port)
        with pytest.raises(OSError, match="in use"), hold(port, "127.0.0.1"):
            pass
        # A browser is refused there at once, and goes on to the address that answers.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
    assert is_free(port)


def test_an_address_that_is_not_localhosts_holds_nothing(port: int) -> None:
    assert other_loopback("192.0.2.7") is None
    with hold(port, None):
        assert is_free(port)


@pytest.mark.parametrize(
    ("yaml", "verdict", "words"),
    [
        ("", "ok", "http://*.localhost:8000"),
        ("site: {public_url: 'https://data.example.org'}", "warn", "labs share the hub's origin"),
        (
            "site: {public_url: 'https://data.example.org'}\nlabs: {domain: labs.example.net}",
            "ok",
            "https://*.labs.example.net",
        ),
    ],
)
def test_the_doctor_says_whether_labs_share_the_hubs_origin(
    tmp_path: Path, yaml: str, verdict: str, words: str
) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text(yaml)
    options = ["--config", str(config), "--state-dir", str(tmp_path / "var"), "--port", "8000"]
    done = CliRunner().invoke(command, ["doctor", "--json", *options])
    finding = next(one for one in json.loads(done.output) if one["what"] == "labs' origins")

    assert finding["verdict"] == verdict
    assert words in finding["detail"]
    assert ("labs.domain" in finding["fix"]) is (verdict == "warn")
