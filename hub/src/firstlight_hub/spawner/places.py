"""Where a lab runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firstlight_hub.spawner import processes

__all__ = ["ProcessPlace"]


@dataclass(frozen=True)
class ProcessPlace:
    """A lab that runs as processes of this machine.

    Attributes
    ----------
    pid, start_ticks
        Its outermost process, which the two together identify uniquely.
    port
        The port on 127.0.0.1 that it listens on.
    cgroup
        The directories of its control groups.
    runtime
        The directory of its sockets outside a view of its own.
    listener
        The inodes of the sockets that listened on the port when the lab was ready.
    """

    pid: int
    start_ticks: int
    port: int
    cgroup: tuple[str, ...] = ()
    runtime: str = ""
    listener: tuple[str, ...] = ()
    kind: Literal["process"] = "process"

    def is_alive(self) -> bool:
        """Return whether the lab's outermost process is running."""
        return processes.is_alive(self.pid, self.start_ticks)

    def members(self) -> set[int]:
        """Return all of the lab's processes."""
        outermost = {self.pid} if self.is_alive() else set()
        return processes.family(self.pid, self.cgroup) | outermost
