"""The escape hatch: Python files next to ``platform.yaml`` that configure the hub."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from traitlets.config import Config

__all__ = ["FOLDER", "extra_files", "run_extra_files"]

FOLDER = "jupyterhub_config.d"
"""The folder next to `platform.yaml` with additional JupyterHub configuration."""


def extra_files(folder: Path) -> list[Path]:
    """Return the files in ``jupyterhub_config.d`` next to a configuration, in order."""
    return sorted((folder / FOLDER).glob("*.py"))


def run_extra_files(folder: Path, c: Config) -> None:
    """Run each file with the hub's configuration as ``c``.

    Parameters
    ----------
    folder
        The folder of ``platform.yaml``.
    c
        A traitlets ``Config``, filled in already.

    Raises
    ------
    SystemExit
        If a file fails, with the status ``EX_CONFIG``: trying again would not help. The message on
        standard error names file and line. The hub never starts with half a configuration.
    """
    for path in extra_files(folder):
        try:
            program = compile(path.read_bytes(), str(path), "exec")
            exec(program, {"c": c, "__file__": str(path)})  # noqa: S102
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            sys.stderr.write(f"{_sentence(path, error)}\n")
            raise SystemExit(os.EX_CONFIG) from error


def _sentence(path: Path, error: Exception) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    line = error.lineno if isinstance(error, SyntaxError) else (lines[-1] if lines else None)
    place = f"{path}:{line}" if line else str(path)
    return (
        f"{place}: this file of {FOLDER} failed: {type(error).__name__}: {error}. "
        "Fix it, or remove it from the folder."
    )
