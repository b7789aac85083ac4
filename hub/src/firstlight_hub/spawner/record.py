"""The record of a running lab: it outlives the hub, and the ``firstlight`` command reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from firstlight_hub.spawner import processes

__all__ = ["LabRecord"]


@dataclass(frozen=True)
class LabRecord:
    """What has to be known of a running lab to find and end it.

    Attributes
    ----------
    pid, start_ticks
        Its outermost process, which the two together identify uniquely.
    port
        The port on 127.0.0.1 that it listens on.
    cgroup
        The directories of its control groups.
    token_id
        The hub's id of its token for the data services.
    hub_token_id
        The hub's id of the token with which the lab asks the hub who its visitors are.
    runtime
        The directory of its sockets outside a view of its own.
    listener
        The inodes of the sockets that listened on the port when the lab was ready.
    memory
        The memory that it may use, in bytes.
    oom_kills
        How many of its processes the kernel has ended because it was out of memory.
    """

    user: str
    pid: int
    start_ticks: int
    port: int
    cgroup: tuple[str, ...] = ()
    token_id: str = ""
    hub_token_id: str = ""
    runtime: str = ""
    listener: tuple[str, ...] = ()
    memory: int = 0
    oom_kills: int = 0

    @staticmethod
    def from_json(record: JsonValue) -> LabRecord:
        """Return the record that plain data describe; `ValueError` if they are invalid."""
        return _RECORD.validate_python(record)

    @staticmethod
    def read(path: Path) -> LabRecord | None:
        """Read a record's file; None if it does not exist or is invalid."""
        try:
            return LabRecord.from_json(json.loads(path.read_text()))
        except (OSError, ValueError):
            return None

    def write(self, path: Path) -> None:
        """Write the record's file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(self.as_json()) + "\n")
        temporary.replace(path)

    def as_json(self) -> dict[str, JsonValue]:
        """Return the record as plain data; it contains no secrets."""
        return asdict(self)

    def is_alive(self) -> bool:
        """Return whether the lab's outermost process is running."""
        return processes.is_alive(self.pid, self.start_ticks)

    def members(self) -> set[int]:
        """Return all of the lab's processes."""
        outermost = {self.pid} if self.is_alive() else set()
        return processes.family(self.pid, self.cgroup) | outermost


_RECORD = TypeAdapter(LabRecord)
