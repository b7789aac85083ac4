"""The service as a process of its own, behind a small hub."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tornado.testing import bind_unused_port

from firstlight_services.tap.component import COMPONENT
from firstlight_services.web.testing import FakeHub, running_component, write_run
from tests.services.tap.conftest import SCOPES, dp01

__all__ = ["TapProcess", "tap_process"]


@dataclass
class TapProcess:
    """A service process, and what it will have logged when it has ended."""

    url: str
    process: asyncio.subprocess.Process
    log: asyncio.Task[bytes]


@asynccontextmanager
async def tap_process(data: Path, folder: Path, *people: str) -> AsyncIterator[TapProcess]:
    """Run the service with the databases of one state directory in another, which is empty.

    Each of the people has a token, their name followed by ``-token``.
    """
    socket, port = bind_unused_port()
    socket.close()
    url = f"http://127.0.0.1:{port}"
    (folder / "data").symlink_to(data / "data")
    write_run(folder, [running_component(COMPONENT, port)], datasets=[dp01(data)], public_url=url)
    async with FakeHub().running() as hub:
        for name in people:
            hub.add_token(f"{name}-token", name, scopes=SCOPES)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "firstlight_services.tap", "--state-dir", str(folder),
            env={**os.environ, "JUPYTERHUB_API_URL": hub.api_url},
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        while b"listens" not in await process.stderr.readline():
            assert process.returncode is None
        log = asyncio.create_task(process.stderr.read())
        try:
            yield TapProcess(url, process, log)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            assert b"Traceback" not in await log
