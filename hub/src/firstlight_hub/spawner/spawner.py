"""Labs as processes of this machine, each isolated from the others."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from jupyterhub import orm
from jupyterhub.spawner import Spawner
from jupyterhub.utils import random_port
from pydantic import JsonValue
from sqlalchemy.orm import Session
from traitlets import Instance, Integer, List, Unicode

from firstlight_common.runtime import Runtime
from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.settings.model import Spawner as SpawnerSettings
from firstlight_hub.spawner import cgroups, processes
from firstlight_hub.spawner.assembly import (
    LabRequest,
    LabSite,
    assemble,
    place_of,
    repositories,
    variables_of,
)
from firstlight_hub.spawner.choices import choices_of, without_reset
from firstlight_hub.spawner.environment import nublado_files
from firstlight_hub.spawner.errors import LabStartError
from firstlight_hub.spawner.form import in_words, options_form
from firstlight_hub.spawner.homes import ensure_home, write_private_files
from firstlight_hub.spawner.machine import closed_directories
from firstlight_hub.spawner.models import Capabilities, LabInstallation, LabSpec
from firstlight_hub.spawner.policy import (
    Isolation,
    UnknownSizeError,
    choose_size,
    decide_isolation,
    wanted_size,
)
from firstlight_hub.spawner.record import LabRecord
from firstlight_hub.spawner.start_parent import LabProcess, ProcessStartError, start_process, tail

__all__ = ["LabSpawner"]

TUTORIAL = "/lab/tree/tutorials/01-first-light.ipynb"
"""The page that a first visit opens."""

_POLL_SECONDS = 0.03


class LabSpawner(Spawner):
    """Starts a lab in private namespaces, under its own account, limited by control groups.

    Notes
    -----
    `start` returns only when the port answers: the hub's own check for it backs off exponentially,
    which makes a person wait twice as long. If the lab ends before that, the start fails at once.
    """

    labs = Instance(Labs, args=(), config=True, help="The sizes that are offered.")
    settings = Instance(SpawnerSettings, args=(), config=True, help="Isolation and time-outs.")
    installation = Instance(LabInstallation, config=True, help="The labs' environment.")
    machine = Instance(Capabilities, config=True, help="What this machine can enforce.")
    state_dir = Unicode(config=True, help="The platform's state directory.")
    tutorials_dir = Unicode(config=True, help="The directory that each new home gets a copy of.")
    runtime = Instance(Runtime, config=True, help="What this run is made of.")
    contact = Unicode(config=True, help="Whom to ask when a lab does not start.")
    data_scopes = List(
        Unicode(), config=True, help="Scopes of a lab's token for the data services."
    )
    user_options: dict[str, JsonValue]
    uid = Integer(
        None, allow_none=True, help="The person's numeric account; the authenticator sets it."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record: LabRecord | None = None
        self.failure_log = ""
        self._process: LabProcess | None = None
        self._steps: list[tuple[int, str]] = []
        self._stepped = asyncio.Event()

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

    async def poll(self) -> int | None:
        """Return None while the lab runs, else its exit code."""
        if self._process is not None and (status := self._process.ended()) is not None:
            await self._clean_up()
            return status
        if self.record is None:
            return 0
        if self.record.alive:
            return None
        await self._clean_up()
        return 0

    async def progress(self) -> AsyncIterator[dict[str, int | str]]:
        """Yield the steps of a start as they happen."""
        sent = 0
        while True:
            for percent, message in self._steps[sent:]:
                sent += 1
                yield {"progress": percent, "message": message}
            self._stepped.clear()
            await self._stepped.wait()

    async def start(self) -> tuple[str, int]:
        """Start the lab, and return its address when it answers."""
        self._steps.clear()
        self.failure_log = ""
        size = self._size()
        isolation = self._isolation()
        self._step(10, "Preparing your home")
        if leftover := LabRecord.read(self._record_file):
            await self._remove_leftover(leftover)
        owner = self._owner(isolation)
        try:
            _, new = ensure_home(self._state / "homes", self.user.name, owner)
        except OSError as error:
            raise self._failure(
                "home", "Your home directory could not be created.", error
            ) from error
        self.port = random_port()
        self.mem_limit, self.cpu_limit = size.memory, size.cpu
        self.default_url = TUTORIAL if new else "/lab"
        self._step(30, f"Reserving resources: {in_words(size)}")
        groups = self._make_groups(size, isolation)
        token, token_id = self._mint_token()
        request = LabRequest(
            user=self.user.name,
            owner=owner or (os.geteuid(), os.getegid()),
            size=size,
            token=token,
            hub_variables=self.get_env(),
            inherited=dict(os.environ),
            cgroups=groups,
            choices=choices_of(self.user_options, datetime.now(UTC)),
        )
        self.user_options = without_reset(self.user_options)
        self.orm_spawner.user_options = self.user_options
        site = self._site()
        spec = assemble(site, isolation, request)
        if not isolation.namespaces:
            place = place_of(site, self.user.name, private=False)
            files = nublado_files(self.runtime, token, variables_of(site, place, request))
            write_private_files(place.nublado, files, owner)
        self._step(50, "Starting JupyterLab")
        await self._launch(spec, groups, token_id)
        await self._wait_for_answer()
        self._step(95, "Your lab is ready")
        return ("127.0.0.1", self.port)

    async def stop(self, now: bool = False) -> None:
        """Ask the lab to stop, then kill it; return when all of its processes are gone."""
        if self.record is not None and self.record.alive and not now:
            processes.kill({self.record.pid}, signal.SIGTERM)
            await self._wait_for_end(self.record, self.settings.stop_timeout.total_seconds())
        await self._clean_up()

    # --- the steps of a start

    @property
    def _state(self) -> Path:
        return Path(self.state_dir)

    @property
    def _record_file(self) -> Path:
        return self._state / "run" / "labs" / f"{self.user.name}.json"

    @property
    def log_file(self) -> Path:
        """The log of the lab's output."""
        return self._state / "logs" / "labs" / f"{self.user.name}.log"

    @property
    def _session(self) -> Session:
        """The hub's own database session, to which its tokens belong."""
        session = Session.object_session(self.user.orm_user)
        if session is None:
            raise RuntimeError("the hub's user belongs to no database session")
        return session

    def _step(self, percent: int, message: str) -> None:
        self._steps.append((percent, message))
        self._stepped.set()

    def _size(self) -> LabSize:
        try:
            return choose_size(self.labs, self.user_options)
        except UnknownSizeError as error:
            raise LabStartError(str(error), reason="size") from error

    def _isolation(self) -> Isolation:
        isolation = decide_isolation(self.settings.isolation, self.machine)
        if isolation.missing:
            raise self._failure(
                "isolation",
                "This machine cannot isolate labs as the site requires "
                f"({', '.join(isolation.missing).lower()}).",
            )
        return isolation

    def _owner(self, isolation: Isolation) -> tuple[int, int] | None:
        if not isolation.account:
            return None
        if self.uid is None:
            raise LabStartError(
                f"{self.user.name} has never logged in, so there is no account to run their lab "
                f"under. Ask them to log in first.",
                reason="account",
            )
        return (self.uid, self.uid)

    def _make_groups(self, size: LabSize, isolation: Isolation) -> tuple[str, ...]:
        if not isolation.controllers:
            return ()
        hierarchy = cgroups.find_hierarchy()
        state = self._state.stat()
        try:
            folders = hierarchy.create(
                f"firstlight-{state.st_dev:x}-{state.st_ino:x}/{self.user.name}",
                memory=size.memory,
                cpu=size.cpu,
                processes=size.processes,
            )
        except OSError as error:
            raise self._failure("limits", "The lab's limits could not be set.", error) from error
        return tuple(map(str, folders))

    def _mint_token(self) -> tuple[str, str]:
        """Create the lab's token, which is valid for the data services only."""
        token = self.user.new_api_token(
            note="Your lab, for the data services",
            expires_in=int(self.labs.token_lifetime.total_seconds()),
            scopes=[*self.data_scopes, "read:users:name!user", "read:users:groups!user"],
        )
        return token, self._id_of(token)

    def _id_of(self, token: str) -> str:
        found = orm.APIToken.find(self._session, token)
        return str(found.api_id) if found else ""

    async def _launch(self, spec: LabSpec, groups: tuple[str, ...], token_id: str) -> None:
        """Start the process; return when it has become the lab's program."""
        try:
            process = self._process = start_process(self.log_file)
        except OSError as error:
            self._revoke({token_id})
            raise self._failure(
                "process", "This machine could not start another process.", error
            ) from error
        self.record = LabRecord(
            self.user.name,
            process.pid,
            process.start_ticks,
            self.port,
            groups,
            token_id,
            self._id_of(self.api_token),
        )
        self.record.write(self._record_file)
        try:
            await process.become(spec)
        except ProcessStartError as error:
            raise self._failure(
                "launch", "Your lab could not be set up on this machine.", error
            ) from error

    async def _wait_for_answer(self) -> None:
        """Return when the lab's port answers.

        Raises
        ------
        LabStartError
            If the lab ends before that.
        """
        self._step(70, "Waiting for JupyterLab to answer")
        while not await _is_open(self.port):
            code = self._process.ended() if self._process else 0
            if code is not None:
                raise self._failure("ended", f"JupyterLab ended at once (exit code {code}).")
            await asyncio.sleep(_POLL_SECONDS)

    def _site(self) -> LabSite:
        tutorials = Path(self.tutorials_dir)
        return LabSite(
            state_dir=self._state,
            tutorials_dir=tutorials,
            runtime=self.runtime,
            installation=self.installation,
            closed=closed_directories(
                (*self.installation.paths, tutorials, *repositories(self.runtime.datasets))
            ),
            home_of_operator=Path.home(),
            passwd=Path("/etc/passwd").read_text(errors="replace"),
            group=Path("/etc/group").read_text(errors="replace"),
        )

    # --- the end of a lab

    async def end_leftover(self) -> None:
        """End a lab that an earlier hub left behind while it was starting.

        Notes
        -----
        The hub stores that a lab runs only when its start is complete. If it is killed before that,
        the lab's own record is the only trace of it.
        """
        leftover = LabRecord.read(self._record_file)
        if leftover and not (self.record or self.orm_spawner.server or self.pending):
            self.log.warning("Ending a lab of %s that the hub does not know", self.user.name)
            await self._remove_leftover(leftover)

    async def _remove_leftover(self, record: LabRecord) -> None:
        if record.alive:  # else its pids may have been reused
            await self._end(record)
        await self._forget(record)

    async def _wait_for_end(self, record: LabRecord, seconds: float) -> None:
        """Wait until a lab has ended, but no longer than some seconds."""
        end = asyncio.get_running_loop().time() + seconds
        # A process that is not our child can only be polled.
        while record.alive and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def _end(self, record: LabRecord) -> None:
        """Kill all processes of a lab that are left."""
        for _ in range(100):
            left = record.members()
            if record.alive:
                left.add(record.pid)
            if not left:
                return
            processes.kill(left)
            if self._process is not None:
                self._process.ended()  # reaps it
            await asyncio.sleep(0.03)
        self.log.error("Some processes of %s's lab cannot be killed", self.user.name)

    async def _clean_up(self) -> None:
        """Remove what a lab leaves: processes, control groups, record and tokens."""
        record, self._process = self.record, None
        if record is not None:
            await self._end(record)
            await self._forget(record)
            self.clear_state()

    async def _forget(self, record: LabRecord) -> None:
        await asyncio.to_thread(cgroups.remove, record.cgroup)
        self._record_file.unlink(missing_ok=True)
        # The hub would revoke its own token too, but no longer knows it after a restart.
        self._revoke({record.token_id, record.hub_token_id})

    def _revoke(self, token_ids: set[str]) -> None:
        for token in list(self.user.orm_user.api_tokens):
            if token.api_id in token_ids:
                self._session.delete(token)
        self._session.commit()

    def _failure(
        self, reason: str, sentence: str, cause: BaseException | None = None
    ) -> LabStartError:
        """Return the error for a failed start; administrators also see the end of the log."""
        detail = f" ({cause})" if cause else ""
        self.failure_log = tail(self.log_file)
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


async def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(probe, ("127.0.0.1", port))
        except OSError:
            return False
        return True
