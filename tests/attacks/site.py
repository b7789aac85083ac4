"""A platform with a hostile lab and its neighbour, and everything that can be attacked."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from firstlight_hub.spawner.places import ProcessPlace
from tests.attacks import programs
from tests.lab_client import KernelAddress
from tests.platform_under_test import PLATFORM_PYTHON, Platform

__all__ = ["HOSTILE", "NEIGHBOUR", "Outcomes", "Person", "Site", "outcomes_of"]

HOSTILE, NEIGHBOUR = "theo-teammate", "mira-member"
type Outcomes = dict[str, str]
type Item = dict[str, str | bool]
_PLACE = TypeAdapter(ProcessPlace)
_SOURCE = inspect.getsource(programs)


def outcomes_of(command: Sequence[str], *, seconds: float = 120) -> Outcomes:
    """Run a command that prints outcomes, and return them."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, done.stderr
    found: Outcomes = json.loads(done.stdout)
    return found


class Person:
    """Somebody's lab, and a kernel in it."""

    def __init__(self, platform: Platform, name: str, kernel: KernelAddress) -> None:
        self.name = name
        self._platform = platform
        self._kernel = kernel
        self.evaluate(_SOURCE.partition("\nif __name__")[0])

    def evaluate(self, code: str, seconds: float = 120) -> str:
        """Return what a piece of code prints."""
        # A connection whose other end does not answer pings is closed.
        with self._kernel.connected() as kernel:
            return kernel.run(code, seconds=seconds).strip()

    def run(self, program: str, **arguments: object) -> Outcomes:
        """Run one of the programs in the kernel."""
        given = json.dumps(arguments)
        said = self.evaluate(
            f"print('outcome', json.dumps({program}(**json.loads({given!r}))), flush=True)"
        )
        found: Outcomes = json.loads(said.rpartition("outcome ")[2])
        return found

    def variable(self, name: str) -> str:
        """Return a variable of the lab's environment."""
        return self.evaluate(f"print(os.environ[{name!r}])")

    @property
    def home(self) -> Path:
        """The home, seen from outside."""
        return self._platform.state_dir / "homes" / self.name

    @property
    def log(self) -> Path:
        """The lab's log."""
        return self._platform.state_dir / "logs" / "labs" / f"{self.name}.log"

    @property
    def place(self) -> ProcessPlace:
        """Where the lab runs, according to the hub's record."""
        record = self._platform.state_dir / "run" / "labs" / f"{self.name}.json"
        return _PLACE.validate_python(json.loads(record.read_text())["place"])


@dataclass
class Site:
    """A platform, and two of its people.

    Attributes
    ----------
    account
        The command that runs another with the operator's account.
    ordinary
        Whether that is an ordinary user's.
    """

    platform: Platform
    hostile: Person
    neighbour: Person
    account: Sequence[str]
    ordinary: bool
    _guarantees: dict[str, Item] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.platform.state_dir

    def outside(self, program: str, prefix: Sequence[str] = (), **arguments: object) -> Outcomes:
        """Run one of the programs with the operator's account, outside of any lab."""
        given = (PLATFORM_PYTHON, programs.__file__, program, json.dumps(arguments))
        return outcomes_of([*(prefix or self.account), *given])

    def is_enforced(self, guarantee: str) -> tuple[bool, str]:
        """Return whether something is enforced on labs here, and more about it."""
        if not self._guarantees:
            # With the operator's account: `firstlight status` tells what the caller's can enforce.
            self._guarantees = self._report()
        item = self._guarantees[guarantee]
        return bool(item["enforced"]), str(item["detail"])

    def _report(self) -> dict[str, Item]:
        report = ("-m", "firstlight_hub.spawner.report", "--json")
        done = subprocess.run(
            [*self.account, PLATFORM_PYTHON, *report], capture_output=True, check=True, timeout=120
        )
        return {item["name"]: item for item in json.loads(done.stdout)}

    def exists(self, *names: str) -> list[str]:
        """Return the paths of files of the state directory, which have to be there."""
        found = [self.state / name for name in names]
        missing = [path for path in found if not os.path.lexists(path)]
        assert not missing
        return [str(path) for path in found]
