"""The sample catalogs and images: made once, in seconds, from nothing."""

from __future__ import annotations

import signal
import subprocess
import sys

from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import Installation, State

__all__ = ["ensure_sample_data"]


def ensure_sample_data(state: State) -> None:
    """Make of the sample data what is missing or of an older release.

    Notes
    -----
    Both programs know themselves whether what they make is current: then they are silent and quick.
    Otherwise they replace it whole or not at all.
    """
    labs_python = str(Installation.find().labs_python)
    _run("images", labs_python, "-m", "firstlight_sampledata", "--out", str(state.data))
    catalog = state.data / "catalog"
    loader = ("-m", "firstlight_services.tap.load", "--parquet", str(catalog))
    _run("catalogs", sys.executable, *loader, "--out", str(catalog / "dp01.duckdb"))


def _run(what: str, *command: str) -> None:
    """Run one of the programs; its progress lines go to the terminal."""
    # A session of its own: Ctrl-C is for this process, which then lets the program clean up.
    with subprocess.Popen(command, start_new_session=True) as running:
        try:
            code = running.wait()
        except BaseException:
            running.send_signal(signal.SIGINT)
            raise
    if code:
        raise OperatorError(
            f"The sample {what} could not be made (exit code {code}); see above.",
            "Free disk space if that is what it says, then run the command again.",
        )
