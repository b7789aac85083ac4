"""What of the sample data is there, told without loading what makes them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firstlight_lab import __version__

__all__ = ["DEFAULT_SEED", "PRODUCTS", "Stamps", "replacing"]

DEFAULT_SEED = 3828

PRODUCTS = ("butler/dp01", "catalog", "preview.png")
"""What is made, as paths in the output folder."""

_FORMAT = 2
"""Raise it when the data change."""


class Stamps:
    """What each product was made from; a product without its stamp is made anew.

    Parameters
    ----------
    out
        The output folder.
    seed
        Of the random numbers.
    quick
        A small field, for tests.
    """

    def __init__(self, out: Path, *, seed: int, quick: bool) -> None:
        self.seed = seed
        self.quick = quick
        self._out = out
        self._path = out / ".sampledata.json"
        self._wanted = {"version": __version__, "format": _FORMAT, "seed": seed, "quick": quick}

    def missing(self) -> list[str]:
        """Return the products that have to be made."""
        stamps = self._read()
        return [
            product
            for product in PRODUCTS
            if not (self._out / product).exists() or stamps.get(product) != self._wanted
        ]

    @contextmanager
    def making(self, product: str) -> Iterator[None]:
        """Stamp a product, if what is done inside ends well."""
        self._write({name: stamp for name, stamp in self._read().items() if name != product})
        yield
        self._write({**self._read(), product: self._wanted})

    def _read(self) -> dict[str, Any]:
        try:
            stamps: dict[str, Any] = json.loads(self._path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return stamps

    def _write(self, stamps: dict[str, Any]) -> None:
        with replacing(self._path) as path:
            path.write_text(json.dumps(stamps, indent=1) + "\n")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to; file or folder then take the target's place, for all to read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=target.parent) as folder:
        path = Path(folder) / target.name
        yield path
        _open_to_all(path)
        if target.is_dir():
            target.rename(Path(folder) / "old")
        path.rename(target)


def _open_to_all(path: Path) -> None:
    """Let everybody read, whatever the umask; labs run as other users than the platform."""
    if path.is_dir():
        for folder, _, files in path.walk():
            folder.chmod(0o755)
            for name in files:
                (folder / name).chmod(0o644)
    else:
        path.chmod(0o644)
