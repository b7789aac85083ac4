"""What all labs have in common, wherever they run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from jupyterhub.spawner import Spawner
from jupyterhub.utils import maybe_future
from pydantic import JsonValue
from traitlets import Instance, Integer, List, Unicode

from firstlight_common.logtext import last_lines
from firstlight_common.runtime import Runtime
from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.settings.model import Spawner as SpawnerSettings
from firstlight_hub.spawner.choices import remembered
from firstlight_hub.spawner.errors import LabStartError
from firstlight_hub.spawner.form import options_form
from firstlight_hub.spawner.policy import UnknownSizeError, choose_size, wanted_size
from firstlight_hub.spawner.record import LabRecord
from firstlight_hub.spawner.start_queue import StartQueue, waiting_message
from firstlight_hub.spawner.steps import Steps
from firstlight_hub.spawner.tokens import LabTokens

__all__ = ["Lab"]

_FAILURE_LINES = 25
"""How many lines of a lab's log administrators see when it did not start."""


class Lab(Spawner):
    """A lab that waits for its turn, tells its steps, and keeps a record.

    Notes
    -----
    A subclass says how a lab starts (`launch`), whether it runs (`poll`), how it ends (`stop`), and
    what it leaves (`clean_up`, `remove_leftover`, `remove_unrecorded`).
    """

    labs = Instance(Labs, args=(), config=True, help="The sizes that are offered.")
    settings = Instance(SpawnerSettings, args=(), config=True, help="Isolation and time-outs.")
    starts = Instance(
        StartQueue, args=(1,), config=True, help="Bounds how many labs start at the same time."
    )
    state_dir = Unicode(config=True, help="The platform's state directory.")
    runtime = Instance(Runtime, config=True, help="What this run is made of.")
    contact = Unicode(config=True, help="Whom to ask when a lab does not start.")
    data_scopes = List(
        Unicode(), config=True, help="Scopes of a lab's token for the data services."
    )
    user_options: dict[str, JsonValue]
    uid = Integer(
        None, allow_none=True, help="The person's numeric account; the authenticator sets it."
    )

    _last_ends: ClassVar[dict[str, str]] = {}
    """Why people's labs ended, by name: the hub forgets the spawner of a lab that ends."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record: LabRecord | None = None
        self.failure_log = ""
        self.steps = Steps()
        self._is_starting = False
        self._leftovers = asyncio.Lock()
        self._minted = ""

    # --- what a subclass does

    async def launch(self) -> tuple[str, int]:
        """Start the lab, and return its address when it answers."""
        raise NotImplementedError

    async def poll(self) -> int | None:
        """Return None while the lab runs, else its exit code."""
        raise NotImplementedError

    async def stop(self, now: bool = False) -> None:
        """End the lab; `now` leaves it no time."""
        raise NotImplementedError

    async def clean_up(self) -> None:
        """Remove what the lab leaves: itself, its record and its tokens."""
        raise NotImplementedError

    async def remove_leftover(self, record: LabRecord) -> None:
        """Remove a lab that only its record knows."""
        raise NotImplementedError

    async def remove_unrecorded(self) -> None:
        """Remove what a start makes before there is a record, but for its tokens."""
        raise NotImplementedError

    # --- what the hub calls

    async def get_options_form(self) -> str:
        """Return the form's fields, with the person's last choice preselected."""
        last = self.orm_spawner.user_options if self.orm_spawner else None
        return options_form(self.labs, wanted_size(last))

    def load_state(self, state: dict[str, JsonValue]) -> None:
        """Restore the record of a lab that outlived the hub."""
        super().load_state(state)
        with suppress(KeyError, ValueError):
            self.record = LabRecord.from_json(state["record"])

    def get_state(self) -> dict[str, JsonValue]:
        """Return the lab's record, which the hub stores."""
        state: dict[str, JsonValue] = super().get_state()
        if self.record:
            state["record"] = self.record.as_json()
        return state

    def clear_state(self) -> None:
        """Forget the lab's record."""
        super().clear_state()
        self.record = None

    def get_env(self) -> dict[str, str]:
        """Return JupyterHub's own variables for a lab that is about to start."""
        return {name: str(value) for name, value in super().get_env().items()}

    async def run_pre_spawn_hook(self) -> None:
        """Wait until it is this lab's turn to start, then run the site's own hook, if any.

        Notes
        -----
        JupyterHub awaits this before `start`, and outside ``start_timeout``.
        """
        self.steps.begin()
        await self.starts.enter(lambda before: self.steps.add(5, waiting_message(before)))
        self._is_starting = True
        await maybe_future(super().run_pre_spawn_hook())

    def run_post_stop_hook(self) -> Awaitable[None] | None:
        """Leave the queue, for a start that never came to it; JupyterHub calls this after each."""
        self._end_turn()
        return super().run_post_stop_hook()

    def _end_turn(self) -> None:
        if self._is_starting:
            self._is_starting = False
            self.starts.leave()

    async def progress(self) -> AsyncIterator[dict[str, int | str]]:
        """Yield the steps of a start as they happen."""
        async for step in self.steps.follow():
            yield step

    async def start(self) -> tuple[str, int]:
        """Start the lab, and return its address when it answers."""
        self.failure_log = ""
        self._last_ends.pop(self.user.name, None)
        hub_token = self.tokens.id_of(self.api_token)
        try:
            await self._remove_leftovers(but=hub_token)
            return await self.launch()
        except (Exception, asyncio.CancelledError) as error:
            # JupyterHub stops what failed and has a record; the person or the time limit ended the
            # others, or they had none yet.
            if self.record is None or isinstance(error, asyncio.CancelledError):
                await self.clean_up()
                self.tokens.revoke({hub_token, self._minted})
            raise
        finally:
            self._end_turn()

    # --- for subclasses

    @property
    def last_end(self) -> str:
        """Why the person's last lab ended, in a sentence; empty if there was no special reason."""
        return self._last_ends.get(self.user.name, "")

    def note_end(self, reason: str) -> None:
        """Keep why the lab ends, for the person and for the log."""
        self.log.warning("The lab of %s ends: %s", self.user.name, reason)
        self._last_ends[self.user.name] = reason

    @property
    def tokens(self) -> LabTokens:
        """The lab's tokens at the hub."""
        return LabTokens(self.user)

    def mint_token(self) -> tuple[str, str]:
        """Create the lab's token, which is valid for the data services only."""
        seconds = int(self.labs.token_lifetime.total_seconds())
        token, self._minted = self.tokens.mint(seconds, self.data_scopes)
        return token, self._minted

    @property
    def state_path(self) -> Path:
        """The platform's state directory."""
        return Path(self.state_dir)

    @property
    def record_file(self) -> Path:
        """The file of the lab's record."""
        return self.state_path / "run" / "labs" / f"{self.user.name}.json"

    @property
    def log_file(self) -> Path:
        """The log of the lab's output."""
        return self.state_path / "logs" / "labs" / f"{self.user.name}.log"

    def chosen_size(self) -> LabSize:
        """Return the size that the person chose.

        Raises
        ------
        LabStartError
            If it is not offered.
        """
        try:
            return choose_size(self.labs, self.user_options)
        except UnknownSizeError as error:
            self.remember({})
            raise LabStartError(str(error), reason="size") from error

    def remember(self, options: Mapping[str, JsonValue]) -> None:
        """Keep the options for the next start."""
        self.user_options = remembered(options)
        self.orm_spawner.user_options = self.user_options

    async def update_record(self, record: LabRecord) -> None:
        """Keep a changed record."""
        self.record = record
        await asyncio.to_thread(record.write, self.record_file)

    async def forget(self, record: LabRecord) -> None:
        """Remove a record's file, and revoke the lab's tokens."""
        await asyncio.to_thread(self.record_file.unlink, missing_ok=True)
        # The hub would revoke its own token too, but no longer knows it after a restart.
        self.tokens.revoke(record.tokens)

    async def end_leftover(self) -> None:
        """End a lab that an earlier hub left behind while it was starting.

        Notes
        -----
        The hub stores that a lab runs only when its start is complete. If it is killed before that,
        the lab's own record, or what a start makes before it, is the only trace of it.
        """
        if not (self.record or self.orm_spawner.server or self.pending):
            await self._remove_leftovers()

    async def _remove_leftovers(self, *, but: str = "") -> None:
        """Remove what an earlier hub left of this lab; a start waits until that is done.

        Parameters
        ----------
        but
            The hub's id of the token of a start that is about to begin.
        """
        # At once: whoever starts the lab meanwhile gets a new token.
        self.tokens.revoke_forgotten(but={but})
        async with self._leftovers:
            if leftover := await asyncio.to_thread(LabRecord.read, self.record_file):
                self.log.warning("Ending a lab of %s that the hub does not know", self.user.name)
                await self.remove_leftover(leftover)
            await self.remove_unrecorded()

    async def failure(
        self, reason: str, sentence: str, cause: BaseException | None = None
    ) -> LabStartError:
        """Return the error for a failed start; administrators also see the end of the log."""
        detail = f" ({cause})" if cause else ""
        self.failure_log = await asyncio.to_thread(last_lines, self.log_file, _FAILURE_LINES)
        details = ""
        if self.user.admin:
            details = f"<p>{escape(sentence + detail)} The end of the lab's log:</p>"
            details += f'<pre class="fl-code">{escape(self.failure_log)}</pre>'
        return LabStartError(
            f"{sentence} Try again; if it keeps failing, ask {self.contact}.",
            reason=reason,
            log_message=f"{sentence}{detail} See {self.log_file.name}",
            details=details,
            status=500 if reason != "isolation" else 503,
        )
