"""Paths of the state directory and of the installation around this package."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from firstlight_cli.errors import OperatorError
from firstlight_common.commands import make

__all__ = ["PYTHON", "Installation", "State", "write_private"]

# sockaddr_un holds 108 bytes, and supervisor appends ".<pid>" to the name while it binds.
_LONGEST_SOCKET = 95


def _unlinked(environment: Path) -> Path:
    """Return the folder that an environment's link leads to now.

    Notes
    -----
    ``make`` replaces environments by switching links. A run keeps those that it began with, so that
    what it starts later has the same packages.
    """
    return environment.resolve()


PYTHON = str(_unlinked(Path(sys.executable).parents[1]) / "bin" / Path(sys.executable).name)
"""The interpreter of the platform's environment."""


@dataclass(frozen=True)
class State:
    """A state directory and the paths in it."""

    root: Path

    @property
    def run(self) -> Path:
        """Files of the current run."""
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        """Secrets, one in each file."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """Logs, one for each component."""
        return self.root / "logs"

    @property
    def data(self) -> Path:
        """Catalogs and images."""
        return self.root / "data"

    @property
    def runtime(self) -> Path:
        """The description of the current run."""
        return self.run / "runtime.json"

    @property
    def settings(self) -> Path:
        """The resolved ``platform.yaml``."""
        return self.run / "settings.json"

    @property
    def lock(self) -> Path:
        """Locked by the ``firstlight up`` that owns this directory; holds its process id."""
        return self.run / "up.lock"

    @property
    def processes(self) -> Path:
        """A record of the supervisor's process and of each component's."""
        return self.run / "processes"

    @property
    def supervisor_conf(self) -> Path:
        """The supervisor's configuration."""
        return self.run / "supervisord.conf"

    @property
    def supervisor_socket(self) -> Path:
        """The supervisor's socket; in the temporary directory if the path would be too long."""
        near = self.run / "supervisor.sock"
        if len(os.fsencode(near)) <= _LONGEST_SOCKET:
            return near
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"firstlight-{os.getuid()}-{name}"
        if folder.is_symlink() or (folder.exists() and folder.stat().st_uid != os.getuid()):
            raise OperatorError(f"{folder} belongs to another user.", "Use a shorter --state-dir.")
        return folder / "supervisor.sock"

    def make_room_for_socket(self) -> None:
        """Create the directory of the supervisor's socket, if it has one of its own."""
        self.supervisor_socket.parent.mkdir(mode=0o700, exist_ok=True)
        _ = self.supervisor_socket  # checks whose it is, whoever was first

    def remove_socket(self) -> None:
        """Remove the supervisor's socket, and its directory if it has one of its own."""
        socket = self.supervisor_socket
        for path in socket.parent.glob(f"{socket.name}*"):  # a killed one leaves what it began
            path.unlink(missing_ok=True)
        if socket.parent != self.run and socket.parent.exists():
            socket.parent.rmdir()

    def make(self) -> None:
        """Create missing directories, each with the least permissions that it needs.

        Labs run under other accounts than the platform: they have to reach homes, data and, where
        they have no file system view of their own, ``run``.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for passable in (self.run, self.root / "homes"):
                passable.mkdir(exist_ok=True)
                passable.chmod(0o711)
            self.data.mkdir(exist_ok=True)
            for private in (self.secrets, self.logs, self.run / "labs", self.root / "hub"):
                private.mkdir(exist_ok=True)
                private.chmod(0o700)
        except OSError as error:
            cannot = "used" if self.root.is_dir() else "created"
            raise OperatorError(
                f"The state directory {self.root} cannot be {cannot}: {error.strerror} "
                f"({error.filename}).",
                "Name another with --state-dir, or give this user permission to write there.",
            ) from error


@dataclass(frozen=True)
class Installation:
    """The checkout (or image) that this package runs from."""

    root: Path

    @classmethod
    def find(cls) -> Installation:
        """Use ``FIRSTLIGHT_HOME``, or the checkout around this package."""
        named = os.environ.get("FIRSTLIGHT_HOME")
        return cls(Path(named) if named else Path(__file__).resolve().parents[3])

    @property
    def labs_python(self) -> Path:
        """The interpreter of the labs' environment."""
        named = os.environ.get("FIRSTLIGHT_LABS_PYTHON")
        return Path(named) if named else _unlinked(self.root / ".venv-labs") / "bin" / "python"

    @property
    def tutorials(self) -> Path:
        """The tutorial notebooks."""
        return self.root / "tutorials"

    @property
    def proxy(self) -> Path:
        """The proxy's program, which runs configurable-http-proxy."""
        return self.root / "hub" / "proxy" / "proxy.mjs"

    @property
    def proxy_library(self) -> Path:
        """What ``make`` installs of the proxy."""
        return _unlinked(self.proxy.parent / "node_modules") / "configurable-http-proxy"

    @property
    def node_folder(self) -> Path:
        """The folder where ``make`` installs Node.js if the machine has none."""
        return _unlinked(self.root / ".tools" / "node") / "bin"

    def require(self) -> None:
        """Check that everything that ``make`` installs exists.

        Raises
        ------
        OperatorError
            Naming the first thing that is missing.
        """
        for what, path in (
            ("The labs' environment", self.labs_python),
            ("The proxy", self.proxy_library),
            ("The tutorials' folder", self.tutorials),
        ):
            if not path.exists():
                raise OperatorError(f"{what} is not installed.", f"Run `{make('environments')}`.")


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, readable only by its owner."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
