"""The record of which sample data exist, readable without loading the simulator."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from firstlight_lab import __version__

__all__ = ["DEFAULT_SEED", "PRODUCTS", "Stamps", "replacing"]

DEFAULT_SEED = 3828
"""The seed of the sample data that a platform is installed with."""

PRODUCTS = ("butler", "catalog", "preview.png")
"""The products, as paths relative to the output folder."""

_FORMAT = 3
"""Version of the data; increase it when they change."""

_MAKING = ".making-"


class Stamp(TypedDict):
    """The inputs from which a product was made."""

    version: str
    format: int
    seed: int
    quick: bool


class Stamps:
    """The stamp of each product; a product whose stamp is missing or different is made again.

    Parameters
    ----------
    out
        The output folder.
    seed
        Seed of the random numbers.
    quick
        Whether to simulate a small field, for tests.
    """

    def __init__(self, out: Path, *, seed: int, quick: bool) -> None:
        self.seed = seed
        self.quick = quick
        self._out = out
        self._path = out / ".sampledata.json"
        self._wanted = Stamp(version=__version__, format=_FORMAT, seed=seed, quick=quick)

    def missing(self) -> list[str]:
        """Return the products that need to be made."""
        stamps = self._read()
        return [
            product
            for product in PRODUCTS
            if not (self._out / product).exists() or stamps.get(product) != self._wanted
        ]

    @contextmanager
    def making(self, product: str) -> Iterator[None]:
        """Stamp a product if the enclosed block succeeds."""
        self._write({name: stamp for name, stamp in self._read().items() if name != product})
        yield
        self._write({**self._read(), product: self._wanted})

    def _read(self) -> dict[str, Stamp]:
        try:
            stamps: dict[str, Stamp] = json.loads(self._path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return stamps

    def _write(self, stamps: dict[str, Stamp]) -> None:
        with replacing(self._path) as path:
            path.write_text(json.dumps(stamps, indent=1) + "\n")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path for a file or folder that then replaces the target and is readable by all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # What a killed run left behind; `firstlight up` makes sure that no other run is at work.
    for leftover in target.parent.glob(f"{_MAKING}*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=_MAKING, dir=target.parent) as folder:
        path = Path(folder) / target.name
        yield path
        _open_to_all(path)
        if target.is_dir():
            target.rename(Path(folder) / "old")
        path.rename(target)


def _open_to_all(path: Path) -> None:
    """Make a path readable by all, whatever the umask: labs run under accounts of their own."""
    if path.is_dir():
        for folder, _, files in path.walk():
            folder.chmod(0o755)
            for name in files:
                (folder / name).chmod(0o644)
    else:
        path.chmod(0o644)
