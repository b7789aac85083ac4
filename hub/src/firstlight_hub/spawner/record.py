"""The record of a running lab: it outlives the hub, and the ``firstlight`` command reads it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from firstlight_hub.spawner.files import replace_file
from firstlight_hub.spawner.places import ProcessPlace

__all__ = ["LabRecord"]


@dataclass(frozen=True)
class LabRecord:
    """What has to be known of a running lab to find it, to end it, and to count what it holds.

    Attributes
    ----------
    place
        Where it runs.
    size
        The name of its size.
    memory
        The memory that it may use, in bytes.
    cpu
        The cores that it may use.
    tokens
        The hub's ids of its tokens: for the data services, and for asking who its visitors are.
    oom_kills
        How many of its processes the kernel has ended because it was out of memory.
    """

    user: str
    place: ProcessPlace
    size: str = ""
    memory: int = 0
    cpu: float = 0
    tokens: tuple[str, ...] = ()
    oom_kills: int = 0

    @staticmethod
    def from_json(record: JsonValue) -> LabRecord:
        """Return the record that plain data describe; `ValueError` if they are invalid."""
        return _RECORD.validate_python(_migrated(record))

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
        replace_file(path, json.dumps(self.as_json()).encode() + b"\n")

    def as_json(self) -> dict[str, JsonValue]:
        """Return the record as plain data; it contains no secrets."""
        return asdict(self)


_RECORD = TypeAdapter(LabRecord)
_OF_A_PLACE = ("pid", "start_ticks", "port", "cgroup", "runtime", "listener")


def _migrated(record: JsonValue) -> JsonValue:
    """Return a record of a lab that an older version of the platform started in today's form."""
    if not isinstance(record, dict) or "place" in record:
        return record
    place: dict[str, JsonValue] = {name: record[name] for name in _OF_A_PLACE if name in record}
    tokens: list[JsonValue] = [record.get("token_id", ""), record.get("hub_token_id", "")]
    kept: dict[str, JsonValue]
    kept = {name: record[name] for name in ("user", "memory", "oom_kills") if name in record}
    return {**kept, "place": {"kind": "process", **place}, "tokens": tokens}
