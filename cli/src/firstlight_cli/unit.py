"""``firstlight systemd-unit``: a unit with which systemd runs this installation."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from pathlib import Path

from firstlight_cli.paths import Installation

__all__ = ["render_unit"]

_UNIT = """\
# Printed by `firstlight systemd-unit`; docs/how-to/run-as-a-service.md says how to install it.
[Unit]
Description=First Light science platform
Wants=network-online.target
After=network-online.target
RequiresMountsFor={mounts}
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
WorkingDirectory={root}
ExecStart={command}
Restart=on-failure
RestartSec=5
# Labs outlive a platform that fails; the next start finds them. To stop, the platform ends them.
KillMode=process
TimeoutStopSec=90
# Labs are processes of this unit: one that runs out of memory must not stop the others.
OOMPolicy=continue
TasksMax=infinity
LimitNOFILE=65536
Delegate=yes

[Install]
WantedBy=multi-user.target
"""


def render_unit(
    *, port: int, state_dir: Path, config: Path | None, demo: bool, bind: str | None
) -> str:
    """Return the unit's text; the options are those of ``firstlight up``."""
    root = Installation.find().root
    command = [
        str(root / ".venv" / "bin" / "firstlight"),
        "up",
        *("--port", str(port)),
        *("--state-dir", str(state_dir)),
        *(("--config", str(config)) if config else ()),
        *(("--demo",) * demo),
        *(("--bind", bind) if bind else ()),
    ]
    return _UNIT.format(
        mounts=_words([str(root), str(state_dir)]),
        user=pwd.getpwuid(os.geteuid()).pw_name,
        root=str(root).replace("%", "%%"),
        command=_words(word.replace("$", "$$") for word in command),
    )


def _words(words: Iterable[str]) -> str:
    """Return words as systemd reads them (systemd.syntax(7)): quoted, and without specifiers."""
    return " ".join(
        '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
        if set(word) & set(" \t\\\"'%;")
        else word
        for word in words
    )
