"""The page about labs has the limits that are configured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import firstlight_lab
from firstlight_hub.components.builtin import PROXY
from firstlight_lab.backlog import LAB_LIMIT, LEAST_SHARE, OFFLINE_LIMIT
from tests.docs.conftest import DOCS

PAGE = (DOCS / "reference" / "lab-environment.md").read_text(encoding="utf-8")
CONFIG = Path(firstlight_lab.__file__).parent / "jupyter" / "jupyter_server_config.json"


def cell(beginning: str) -> str:
    found = re.search(rf"^\| {re.escape(beginning)}[^|]*\| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert found, beginning
    return found[1]


def test_the_limits_of_labs() -> None:
    server = json.loads(CONFIG.read_text())["ServerApp"]
    assert server["websocket_ping_interval"] == server["websocket_ping_timeout"] == 30
    # Jupyter's own handlers replace tornado's pings, and look once an interval whether a pong came:
    # a time-out of no more than the interval would close websockets before their first ping.
    jupyter = server["tornado_settings"]
    ping, timeout = jupyter["ws_ping_interval"] // 1000, jupyter["ws_ping_timeout"] // 1000
    assert ping < timeout < 2 * ping
    # Tornado waits up to 5 s for a client to answer the closing message.
    closed = 2 * ping + 5
    assert cell("ping of each websocket") == (
        f"every {ping} s; without an answer, it is closed within {closed} s"
    )
    mebibyte = 1024**2
    assert cell("output that waits") == (
        f"{LAB_LIMIT // mebibyte} MiB, shared equally, at least {LEAST_SHARE // mebibyte} MiB each"
    )
    assert cell("output of a kernel that is kept") == f"the last {OFFLINE_LIMIT // mebibyte} MiB"


def test_the_limits_of_the_proxy() -> None:
    options = dict(zip(PROXY.command, PROXY.command[1:], strict=False))
    minutes, hours = (int(options[f"--{name}"]) for name in ("websocket-timeout", "timeout"))
    assert cell("websocket through which") == f"{minutes // 60_000} minutes"
    assert cell("HTTP connection through which") == f"{hours // 3_600_000} hour"
