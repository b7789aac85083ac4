"""Become a component of the platform: ``python -m firstlight_cli._run NAME --state-dir DIR``.

The supervisor's configuration has no secrets; each component gets its own here, and nobody else's.

Notes
-----
Every component waits for this program, so it imports the standard library and little else.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from firstlight_cli.processes import record_self
from firstlight_common import groups
from firstlight_common.secrets import read_secret

__all__ = ["common_variables", "end_with_parent", "main"]

_COMMON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
_COMMON_PREFIXES = ("FIRSTLIGHT_", "LD_LIBRARY_", "OPENBLAS_", "OMP_", "PYTHON", "SSL_CERT_")
_PR_SET_PDEATHSIG = 1
_SESSION_NICENESS = "-10"
"""Nine times the weight of an ordinary session."""


class _Component(TypedDict):
    """What is needed of `firstlight_common.runtime.RuntimeComponent`."""

    name: str
    runs: bool
    command: list[str]
    environment: dict[str, str]
    passed_on: list[str]
    secrets: dict[str, str]


def main(arguments: list[str] | None = None) -> None:
    """Replace this process by the component's."""
    parser = argparse.ArgumentParser(prog="python -m firstlight_cli._run")
    parser.add_argument("component")
    parser.add_argument("--state-dir", type=Path, required=True)
    options = parser.parse_args(arguments)
    # What components write, databases and logs above all, is for their own account alone. The
    # supervisor's `umask` setting would do nothing: it is for a supervisor in the background.
    os.umask(0o077)
    run = options.state_dir / "run"
    # If both who started this and its starter are killed, the next `firstlight up` ends it.
    record_self(run / "processes", options.component)
    end_with_parent(signal.SIGTERM)
    # `firstlight up` blocked signals while it started this.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    groups.join(options.state_dir, options.component)
    clean = common_variables()
    components: list[_Component] = json.loads((run / "runtime.json").read_text())["components"]
    if options.component == "supervisor":
        _weigh_more()
        program = (sys.executable, "-W", "ignore", "-m", "supervisor.supervisord")
        command = (*program, "--nodaemon", "--configuration", str(run / "supervisord.conf"))
        passed_on = _passed_on(n for one in components if one["runs"] for n in one["passed_on"])
        os.execve(command[0], command, clean | passed_on)  # noqa: S606
    component = next(one for one in components if one["name"] == options.component)
    variables = clean | _passed_on(component["passed_on"]) | component["environment"]
    variables |= {
        variable: read_secret(options.state_dir, name)
        for variable, name in component["secrets"].items()
    }
    os.execvpe(component["command"][0], component["command"], variables)  # noqa: S606


def _weigh_more() -> None:
    """Let the scheduler prefer this session, the platform's, to others; as root only.

    Notes
    -----
    Linux shares the processors among sessions (sched(7), autogroup). All components are one session
    and each lab is another: with ten busy sessions, a component that was killed had a tenth of what
    it needs to start again, and took a minute. Labs do not inherit this.
    """
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(_SESSION_NICENESS)


def end_with_parent(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the process that started it ends.

    Notes
    -----
    Whoever started it is its only master: without it, nobody would ever stop this process.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


def common_variables() -> dict[str, str]:
    """Return the variables of the operator's environment that every program of ours gets."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _COMMON or name.startswith(_COMMON_PREFIXES)
    }


def _passed_on(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


if __name__ == "__main__":
    main()
