"""Become a part of the platform: ``python -m firstlight_cli._run PART --state-dir DIR``.

The supervisor's configuration has no secrets; each part gets its own here, and nobody else's.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from firstlight_cli.parts import parts_of
from firstlight_cli.paths import State
from firstlight_cli.secrets import environment

__all__ = ["main"]

_COMMON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
_COMMON_PREFIXES = ("FIRSTLIGHT_", "LD_LIBRARY_", "OPENBLAS_", "OMP_", "PYTHON", "SSL_CERT_")
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> None:
    """Replace this process by the part's."""
    parser = argparse.ArgumentParser(prog="python -m firstlight_cli._run")
    parser.add_argument("part")
    parser.add_argument("--state-dir", type=Path, required=True)
    options = parser.parse_args(arguments)
    state = State(options.state_dir)
    # What the parts write, databases and logs above all, is for their own account alone. The
    # supervisor's `umask` setting would do nothing: it is for a supervisor in the background.
    os.umask(0o077)
    # Whoever started this is its only master: without it, nobody would ever stop this process.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # `firstlight up` held signals back while it started this.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    clean = {
        name: value
        for name, value in os.environ.items()
        if name in _COMMON or name.startswith(_COMMON_PREFIXES)
    }
    if options.part == "supervisor":
        program = (sys.executable, "-W", "ignore", "-m", "supervisor.supervisord")
        passed_on = {k: v for k, v in os.environ.items() if k.startswith("GITHUB_CLIENT_")}
        command = (*program, "--nodaemon", "--configuration", str(state.supervisor_conf))
        os.execve(command[0], command, clean | passed_on)  # noqa: S606
    runtime = json.loads(state.runtime.read_text())
    settings = json.loads(state.settings.read_text())
    part = next(part for part in parts_of(state, runtime, settings) if part.name == options.part)
    variables = clean | dict(part.environment) | environment(state, part.secrets)
    os.execve(part.command[0], part.command, variables)  # noqa: S606


if __name__ == "__main__":
    main()
