"""The service as a process of its own: quick to be there, clean to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from tornado.testing import bind_unused_port

from firstlight_common.components import Component
from firstlight_services.butler.component import COMPONENT
from firstlight_services.web.testing import running_component, write_run
from tests.waiting import wait_for


@pytest.fixture
def port() -> int:
    socket, port = bind_unused_port()
    socket.close()
    return port


@pytest.fixture
def state_dir(tmp_path: Path, port: int) -> Path:
    hub = Component(name="hub", path="/nb/", command=())
    write_run(tmp_path, [running_component(hub, 1), running_component(COMPONENT, port)])
    return tmp_path


def _well(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_is_well_before_the_butler_is_imported(state_dir: Path, port: int) -> None:
    program = (
        "import sys; from firstlight_services.butler.app import main;"
        "assert not [name for name in sys.modules if name.startswith('lsst')];"
        "main()"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTERHUB_")}
    command = [sys.executable, "-c", program, "--state-dir", str(state_dir)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            url = f"http://127.0.0.1:{port}/api/butler/healthz"
            wait_for(lambda: _well(url) or process.poll() is not None, what="the service")
            assert process.poll() is None, process.communicate()[1]
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0, log
    assert b"butler is stopping" in log
