"""What the benchmarks of a run share: a folder, the sample data, and a progress display."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.progress import Progress

from firstlight_cli.paths import Installation, State

__all__ = ["Session"]

_QUICK_ROUNDS = 2


@dataclass(frozen=True)
class Session:
    """One run of the benchmarks.

    Attributes
    ----------
    folder
        Working folder, initially empty and removed at the end.
    quick
        Whether only to check that the benchmarks work, with few repetitions and little data.
    progress
        Progress display.
    """

    folder: Path
    quick: bool
    progress: Progress

    def rounds(self, number: int) -> int:
        """Return the number of repetitions, given that of a real run."""
        return _QUICK_ROUNDS if self.quick else number

    def size(self, real: int, quick: int) -> int:
        """Return the amount of data to measure with."""
        return quick if self.quick else real

    @contextmanager
    def steps(self, what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
        """Show the progress of a task; the yielded function is to be called after each step."""
        task = self.progress.add_task(what, total=total)
        yield lambda: self.progress.advance(task)
        self.progress.update(task, total=1, completed=1)

    @cached_property
    def sample_data(self) -> Path:
        """The folder of sample images and catalogs, made on first use as by ``firstlight up``."""
        folder = self.folder / "sample"
        with self.steps("making the sample data"):
            self.in_labs("firstlight_sampledata", "--out", str(folder))
        return folder

    def new_state(self, name: str) -> State:
        """Return a new state directory that already contains the sample data."""
        state = State(self.folder / name / "var")
        state.root.mkdir(parents=True)
        shutil.copytree(self.sample_data, state.data / "sample", symlinks=True)
        return state

    def in_labs(self, module: str, *arguments: str) -> str:
        """Run a module in the labs' environment and return its output."""
        python = str(Installation.find().labs_python)
        return _run([python, "-m", module, *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1]
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")
    return done.stdout
