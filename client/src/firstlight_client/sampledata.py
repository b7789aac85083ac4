"""The sample catalogs and images: made once, in seconds, from nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from firstlight_client.errors import OperatorError
from firstlight_client.paths import Installation, State

__all__ = ["ensure_sample_data"]


def ensure_sample_data(state: State) -> bool:
    """Make the sample data unless they are there; return whether anything was made.

    Notes
    -----
    Both programs check again whether their output is current, and replace it whole or not at all.
    The stamp only spares their start-up time.
    """
    stamp = state.data / ".made-by"
    wanted = f"firstlight {version('firstlight-client')}\n"
    present = [
        state.data / "butler" / "dp01" / "butler.yaml",
        state.data / "catalog" / "dp01.duckdb",
    ]
    if all(path.exists() for path in present) and _text(stamp) == wanted:
        return False
    labs_python = str(Installation.find().labs_python)
    _run("images", labs_python, "-m", "firstlight_lab.sampledata", "--out", str(state.data))
    catalog = state.data / "catalog"
    loader = ("-m", "firstlight_services.tap.load", "--parquet", str(catalog))
    _run("catalogs", sys.executable, *loader, "--out", str(catalog / "dp01.duckdb"))
    stamp.write_text(wanted)
    return True


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _run(what: str, *command: str) -> None:
    """Run one of the programs; its progress lines go to the terminal."""
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise OperatorError(
            f"The sample {what} could not be made (exit code {done.returncode}); see above.",
            "Free disk space if that is what it says, then run the command again.",
        )
