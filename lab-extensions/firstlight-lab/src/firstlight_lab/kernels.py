"""How a lab starts its kernels: on private sockets, and with a reason if a limit ends them.

Everything that starts kernels does so by a kernel provisioner (`KernelProvisionerBase` of
`jupyter_client`). The labs' own Python kernel names ours in its ``kernel.json``, so that consoles,
nbconvert and programs with nbclient use it too; JupyterLab's configuration names it for all other
kernels.
"""

from __future__ import annotations

import asyncio
import os
import site
import subprocess
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.provisioning import LocalProvisioner
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import default

from firstlight_lab import kernel_python
from firstlight_lab.kernel_forks import ForkedKernel, Start, of_lab
from firstlight_lab.limits import Limits, read_limits, why_it_ended

__all__ = ["ENDS", "KernelEnd", "LabKernelSpecs", "LabProvisioner", "Option"]

type Option = str | bool | list[str] | dict[str, str] | None
"""What Jupyter passes on when something starts: a name, a folder, a command, an environment."""

_LAUNCHER = Path(__file__).with_name("kernel_launcher.py")
_LONGEST_ADDRESS = 107  # bytes, see unix(7)
_LAUNCHED = {"ipykernel", "ipykernel_launcher"}


@dataclass(frozen=True)
class KernelEnd:
    """A kernel that a limit ended, and what its person reads about it."""

    kernel: str
    message: str
    time: str

    def as_json(self) -> dict[str, str]:
        """Return it as plain data."""
        return asdict(self)


ENDS: deque[KernelEnd] = deque(maxlen=50)
"""The last ones of this process, oldest first."""


class LabProvisioner(LocalProvisioner):
    """Starts kernels as processes of the lab whose sockets are files in a private directory.

    Notes
    -----
    Over TCP on loopback, every lab of the machine could read another's code and output. It applies
    to whatever chooses no provisioner of its own in its ``kernel.json``.
    """

    process: subprocess.Popen[bytes] | ForkedKernel | None
    _before: Limits | None = None

    async def pre_launch(self, **kwargs: Option) -> dict[str, Option]:
        """Choose the sockets, and the program that opens no other port."""
        manager = self.parent
        if manager.transport != "ipc":
            if not manager.connection_file:
                manager.connection_file = f"{jupyter_runtime_dir()}/kernel-{uuid.uuid4()}.json"
            manager.transport = "ipc"
            manager.ip = f"{os.path.splitext(manager.connection_file)[0]}-ipc"  # noqa: PTH122
        if len(os.fsencode(f"{manager.ip}-99")) > _LONGEST_ADDRESS:
            raise ValueError(
                f"The path {manager.ip} is too long for a socket. "
                "Set JUPYTER_RUNTIME_DIR to a directory with a shorter path."
            )
        Path(manager.connection_file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_place_for_packages()
        self._before = read_limits()
        launch = await super().pre_launch(**kwargs)
        launch["cmd"] = _without_ports(launch["cmd"])
        return launch

    async def launch_kernel(self, cmd: list[str], **kwargs: Option) -> KernelConnectionInfo:
        """Start the process, or fork it if that makes no difference to the kernel."""
        info = await self._fork(cmd, **kwargs) or await super().launch_kernel(cmd, **kwargs)
        _end_first(self.pid)
        return info

    async def _fork(self, command: list[str], **kwargs: Option) -> KernelConnectionInfo | None:
        """Fork the process; None if that is impossible, which the log explains."""
        forks, environment = of_lab(), kwargs.get("env")
        if forks is None or not isinstance(environment, dict):
            return None
        if command[1:2] != [str(_LAUNCHER)]:
            return None
        directory = str(kwargs.get("cwd") or os.getcwd())  # noqa: PTH109
        variables = {name: value for name, value in environment.items() if name != "JPY_PARENT_PID"}
        try:
            python = await asyncio.to_thread(kernel_python.ask, command[0], variables)
            if reason := kernel_python.why_not(variables, directory, python):
                self.log.info("A kernel is started instead of forked: %s", reason)
                return None
            start = Start(
                kind="start",
                command=command,
                environment=variables,
                directory=directory,
                python=python,
            )
            self.process = forks.start(start)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.log.warning("A kernel is started, because it cannot be forked: %s", error)
            return None
        self.pid = self.pgid = self.process.pid
        return self.connection_info

    async def poll(self) -> int | None:
        """Return None while the kernel runs, else its status; remember why it ended."""
        status = await super().poll()
        before, ended = self._before, self.process is not None and status is not None
        if ended and before is not None:
            self._before = None
            message = why_it_ended(before, read_limits(), status)
            if message is not None:
                now = datetime.now(UTC).isoformat()
                ENDS.append(KernelEnd(str(self.kernel_id), message, now))
                self.log.error("Kernel %s (process %s): %s", self.kernel_id, self.pid, message)
        return status

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the socket that a killed kernel could not remove."""
        await super().cleanup(restart=restart)
        if not restart:
            connection = Path(self.parent.connection_file)
            connection.with_name(f"{connection.stem}-pipe").unlink(missing_ok=True)


class LabKernelSpecs(KernelSpecManager):
    """The kernels that a lab's server offers: the platform's, then those in the person's home.

    Notes
    -----
    JupyterHub's ``disable_user_config`` also removes the home from where Jupyter looks for kernels.
    The platform's come first, so that no file in a home can replace them. No kernel has a debugger:
    see `firstlight_lab.kernel_launcher`.
    """

    @default("kernel_dirs")
    def _platform_then_home(self) -> list[str]:
        own = str(Path.home() / ".local" / "share" / "jupyter" / "kernels")
        found: list[str] = super()._kernel_dirs_default()
        return [*(path for path in found if path != own), own]

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the description of a kernel."""
        spec = super().get_kernel_spec(kernel_name)
        spec.metadata.pop("debugger", None)
        return spec


def _make_place_for_packages() -> None:
    """Let a kernel import what the home's first ``%pip install`` brings while it runs.

    Python looks in the directory for a person's own packages only if it was there at the start.
    """
    with suppress(OSError):
        Path(site.getusersitepackages()).mkdir(parents=True, exist_ok=True)


def _end_first(pid: int) -> None:
    """Out of memory, let the system end this process before the lab's server."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("500")  # of 1000, see proc(5)


def _without_ports(command: list[str]) -> list[str]:
    """Replace ``-m ipykernel_launcher`` by our launcher, which needs ``-f``."""
    for number, word in enumerate(command[:-1]):
        if word == "-m" and command[number + 1] in _LAUNCHED and "-f" in command:
            return [*command[:number], str(_LAUNCHER), *command[number + 2 :]]
    return command
