"""Keeps a supervisor running: if it ends unexpectedly, another one is started."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from firstlight_cli.console import Console
from firstlight_cli.errors import OperatorError
from firstlight_cli.leftovers import end_components
from firstlight_cli.paths import State
from firstlight_cli.supervise import SupervisorProcess
from firstlight_common.commands import firstlight

__all__ = ["STOPPING", "Keeper"]

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that stop a platform."""

_RESTARTS = 5
_WITHIN_SECONDS = 60
"""A supervisor that ends more often than that in this time will not recover."""


class Keeper:
    """The supervisor of a run.

    Notes
    -----
    When a supervisor is killed, its components are asked to end (`_run.end_with_parent`), since
    nobody would restart them. Labs are not its children and are not affected.
    """

    def __init__(self, state: State, console: Console) -> None:
        self._state = state
        self._console = console
        self._ended: deque[float] = deque(maxlen=_RESTARTS)
        self._process: SupervisorProcess | None = None

    def start(self) -> None:
        """Start the supervisor."""
        with _undisturbed():  # or there might be a supervisor that nobody knows
            self._process = SupervisorProcess(self._state)

    def check(self) -> None:
        """Start another supervisor if this one has ended.

        Raises
        ------
        OperatorError
            If it ends again and again.
        """
        if self._process is None or not self._process.ended:
            return
        now = time.monotonic()
        if len(self._ended) == _RESTARTS and now - self._ended[0] < _WITHIN_SECONDS:
            raise OperatorError(
                "The supervisor ended unexpectedly. Its last output:\n"
                + self._process.last_output(),
                f"Its log: {firstlight('logs', 'supervisor', state_dir=self._state.root)}",
            )
        self._ended.append(now)
        self._console.note("the supervisor has ended unexpectedly; starting another")
        end_components(self._state)
        self.start()

    def stop(self) -> None:
        """Stop the supervisor and its components."""
        if self._process is not None:
            self._process.stop()
        end_components(self._state)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Delay Ctrl-C; a process started meanwhile has to unblock it for itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
