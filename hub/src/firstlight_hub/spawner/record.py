"""The note about a running lab: it outlives the hub, and the ``firstlight`` command reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from firstlight_hub.spawner import processes

__all__ = ["LabRecord"]


@dataclass(frozen=True)
class LabRecord:
    """A running lab.

    Attributes
    ----------
    pid, start_ticks
        Its outermost process; the two together name it for ever.
    port
        Where it listens, on 127.0.0.1.
    cgroup
        Its control groups' directories.
    token_id
        The hub's name for the token of the data services.
    hub_token_id
        And for the token with which the lab asks the hub who its visitors are.
    """

    user: str
    pid: int
    start_ticks: int
    port: int
    cgroup: tuple[str, ...] = ()
    token_id: str = ""
    hub_token_id: str = ""

    @classmethod
    def from_json(cls, noted: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(**{**noted, "cgroup": tuple(noted.get("cgroup") or ())})

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a record's file; None if there is none, or it is of no use."""
        try:
            return cls.from_json(json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Write the record's file, all of it or nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(self.as_json()) + "\n")
        temporary.replace(path)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; no secrets."""
        return asdict(self)

    @property
    def alive(self) -> bool:
        """Whether the lab runs."""
        return processes.is_alive(self.pid, self.start_ticks)

    def members(self) -> set[int]:
        """Return all of the lab's processes."""
        return processes.family(self.pid, self.cgroup)
