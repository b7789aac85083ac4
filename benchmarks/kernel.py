"""A kernel's first result: forked from a process that has imported it, compared with a new process.

The time is measured from the request to start a kernel, at the lab's public address, to the result
of a cell that imports numpy, astropy and pyvo; the cell also tells what memory its process holds
(PSS). The platforms are the first and last of `lab_platforms`, with a lab each.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from benchmarks.lab_platforms import OURS, PEER, lab_platforms
from benchmarks.measure import Comparison, Series
from benchmarks.running import RunningPlatform
from benchmarks.session import Session

__all__ = ["run"]

_SECONDS = 60
_CELL = """\
import numpy, astropy, astropy.table, pyvo
with open("/proc/self/smaps_rollup") as file:
    print(next(line for line in file if line.startswith("Pss:")).split()[1])
"""


def run(session: Session) -> list[Comparison]:
    """Compare kernels' first results."""
    rounds = session.rounds(10)
    taken: dict[str, list[float]] = {OURS: [], PEER: []}
    held: dict[str, list[float]] = {OURS: [], PEER: []}
    with (
        session.steps("kernel: measuring", 2 * (rounds + 1)) as step,
        lab_platforms(session, "kernel") as platforms,
    ):
        for side in taken:
            platforms[side].log_in()
            platforms[side].start_lab()
        for number in range(rounds + 1):
            for side in taken:
                seconds, memory = asyncio.run(_first_result(platforms[side]))
                if number:  # the first reads cold files
                    taken[side].append(seconds)
                    held[side].append(memory)
                step()
    name = "a new process of the same kernel"
    return [
        Comparison(what, unit, Series(tuple(values[OURS])), Series(tuple(values[PEER])), name)
        for what, unit, values in (
            ("kernel, to the first result of numpy, astropy, pyvo", "s", taken),
            ("memory of that kernel", "MiB", held),
        )
    ]


async def _first_result(platform: RunningPlatform) -> tuple[float, float]:
    """Return the seconds to the result of a new kernel, and its memory in MiB."""
    began = time.perf_counter()
    with platform.open_lab("/api/kernels", method="POST", body=b"{}") as answer:
        number = json.loads(answer.read())["id"]
    try:
        url = f"{platform.url.replace('http', 'ws', 1)}{platform.lab}/api/kernels/{number}/channels"
        connection = await websocket_connect(HTTPRequest(url, headers=platform.lab_headers))
        said = await asyncio.wait_for(_execute(connection), _SECONDS)
        took = time.perf_counter() - began
        connection.close()
        return took, int(said) / 1024
    finally:
        platform.open_lab(f"/api/kernels/{number}", method="DELETE").close()


async def _execute(connection: WebSocketClientConnection) -> str:
    """Run the cell; return what it prints."""
    number = uuid.uuid4().hex
    header = {"msg_id": number, "msg_type": "execute_request", "version": "5.3"}
    header |= {"session": number, "username": "bench", "date": "2026-01-01T00:00:00Z"}
    content = {"code": _CELL, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await connection.write_message(json.dumps({**message, "channel": "shell", "buffers": []}))
    said = ""
    while True:
        text = await connection.read_message()
        if text is None:
            raise RuntimeError("the lab closed the kernel's connection")
        answer = json.loads(text)
        if answer["parent_header"].get("msg_id") != number:
            continue
        kind, body = answer["msg_type"], answer["content"]
        if kind == "stream":
            said += body["text"]
        elif kind == "error":
            raise RuntimeError("\n".join(body["traceback"]))
        elif kind == "status" and body["execution_state"] == "idle":
            return said
