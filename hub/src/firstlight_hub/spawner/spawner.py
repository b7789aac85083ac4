"""Labs as processes of this machine, each isolated from the others."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from jupyterhub import orm
from jupyterhub.spawner import Spawner
from jupyterhub.utils import maybe_future, random_port
from pydantic import JsonValue
from sqlalchemy.orm import Session
from traitlets import Instance, Integer, List, Unicode

from firstlight_common.groups import name_of_platform
from firstlight_common.logtext import last_lines
from firstlight_common.runtime import Runtime
from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.settings.model import Spawner as SpawnerSettings
from firstlight_hub.spawner import cgroups, processes, threads
from firstlight_hub.spawner.assembly import (
    LabRequest,
    LabSite,
    assemble,
    place_of,
    repositories,
    variables_of,
)
from firstlight_hub.spawner.choices import choices_of, remembered
from firstlight_hub.spawner.ends import EndWatch, oom_kills
from firstlight_hub.spawner.environment import nublado_files
from firstlight_hub.spawner.errors import LabStartError
from firstlight_hub.spawner.form import in_words, memory_in_words, options_form
from firstlight_hub.spawner.homes import (
    create_runtime,
    ensure_home,
    remove_runtime,
    write_private_files,
)
from firstlight_hub.spawner.kernel_log import killed_processes
from firstlight_hub.spawner.listeners import PortTakenError, find_listener, is_taken
from firstlight_hub.spawner.machine import closed_directories, resolver_directories
from firstlight_hub.spawner.models import Capabilities, LabInstallation, LabSpec
from firstlight_hub.spawner.policy import (
    Isolation,
    UnknownSizeError,
    choose_size,
    decide_isolation,
    wanted_size,
)
from firstlight_hub.spawner.record import LabRecord
from firstlight_hub.spawner.shortages import Shortage, Shortages
from firstlight_hub.spawner.start_parent import LabProcess, ProcessStartError, start_process
from firstlight_hub.spawner.start_queue import StartQueue, waiting_message

__all__ = ["LabSpawner"]

TUTORIAL = "/lab/tree/tutorials/01-first-light.ipynb"
"""The page that a first visit opens."""

_POLL_SECONDS = 0.03
_FAILURE_LINES = 25
"""How many lines of a lab's log administrators see when it did not start."""
_PORT_ATTEMPTS = 5
_KILLED = {-signal.SIGKILL, 256 - signal.SIGKILL}


class LabSpawner(Spawner):
    """Starts a lab in private namespaces, under its own account, limited by control groups.

    Notes
    -----
    `start` returns only when the port answers: the hub's own check for it backs off exponentially,
    which makes a person wait twice as long. If the lab ends before that, the start fails at once.

    Whatever waits for a disk, ``/proc`` or a process runs in a thread, so that the hub serves other
    people meanwhile. Only JupyterHub's database session has to stay with the event loop.
    """

    labs = Instance(Labs, args=(), config=True, help="The sizes that are offered.")
    settings = Instance(SpawnerSettings, args=(), config=True, help="Isolation and time-outs.")
    installation = Instance(LabInstallation, config=True, help="The labs' environment.")
    machine = Instance(Capabilities, config=True, help="What this machine can enforce.")
    starts = Instance(
        StartQueue, args=(1,), config=True, help="Bounds how many labs start at the same time."
    )
    shortages = Instance(
        Shortages, args=(), config=True, help="Labs that ran out of memory, for administrators."
    )
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

    _last_ends: ClassVar[dict[str, str]] = {}
    """Why people's labs ended, by name: the hub forgets the spawner of a lab that ends."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record: LabRecord | None = None
        self.failure_log = ""
        self._process: LabProcess | None = None
        self._is_starting = False
        self._watch: EndWatch | None = None
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
        if self.record is None:
            return 0
        status = self._process.ended() if self._process else None
        ended = status is not None or not await asyncio.to_thread(self.record.is_alive)
        await self._note_memory(ended_by_kill=ended and status in {None, *_KILLED})
        if not ended and await asyncio.to_thread(is_taken, self.record):
            self._note_end("Another program took your lab's port, so your lab was ended.")
            ended = True
        if not ended:
            self._watch_end()
            return None
        await self._clean_up()
        return status or 0

    async def run_pre_spawn_hook(self) -> None:
        """Wait until it is this lab's turn to start, then run the site's own hook, if any.

        Notes
        -----
        JupyterHub awaits this before `start`, and outside ``start_timeout``.
        """
        self._steps.clear()
        await self.starts.enter(lambda before: self._step(5, waiting_message(before)))
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
        sent = 0
        while True:
            for percent, message in self._steps[sent:]:
                sent += 1
                yield {"progress": percent, "message": message}
            self._stepped.clear()
            await self._stepped.wait()

    @property
    def last_end(self) -> str:
        """Why the person's last lab ended, in a sentence; empty if there was no special reason."""
        return self._last_ends.get(self.user.name, "")

    async def start(self) -> tuple[str, int]:
        """Start the lab, and return its address when it answers."""
        try:
            return await self._start()
        except asyncio.CancelledError:
            # The person or the time limit ended it.
            await self._clean_up()
            raise
        finally:
            self._end_turn()

    async def stop(self, now: bool = False) -> None:
        """Ask the lab to stop, then kill it; return when all of its processes are gone."""
        record = self.record
        if record is not None and not now and await asyncio.to_thread(record.is_alive):
            processes.kill({record.pid}, signal.SIGTERM)
            await self._wait_for_end(record, self.settings.stop_timeout.total_seconds())
        await self._clean_up()

    # --- the steps of a start

    async def _start(self) -> tuple[str, int]:
        self.failure_log = ""
        self._last_ends.pop(self.user.name, None)
        size = self._size()
        choices = choices_of(self.user_options, datetime.now(UTC))
        self._remember(self.user_options)
        isolation = await self._isolation()
        self._step(10, "Preparing your home")
        if leftover := await asyncio.to_thread(LabRecord.read, self._record_file):
            await self._remove_leftover(leftover)
        owner = self._owner(isolation)
        try:
            _, new = await threads.run(ensure_home, self._state / "homes", self.user.name, owner)
        except OSError as error:
            raise await self._failure(
                "home", "Your home directory could not be created.", error
            ) from error
        self.mem_limit, self.cpu_limit = size.memory, size.cpu
        self.default_url = TUTORIAL if new else "/lab"
        self._step(30, f"Reserving resources: {in_words(size)}")
        folders = await self._make_groups(size, isolation)
        token, token_id = self._mint_token()
        runtime = "" if isolation.namespaces else await threads.run(create_runtime, owner)
        request = LabRequest(
            user=self.user.name,
            owner=owner or (os.geteuid(), os.getegid()),
            size=size,
            token=token,
            hub_variables={},
            inherited=dict(os.environ),
            cgroups=folders,
            runtime=runtime,
            choices=choices,
        )
        site = await asyncio.to_thread(self._site)
        for _ in range(_PORT_ATTEMPTS):
            self._step(50, "Starting JupyterLab")
            self.port = random_port()
            request = replace(request, hub_variables=self.get_env())
            if not isolation.namespaces:
                await self._write_files(site, request, owner)
            if await self._answers(assemble(site, isolation, request), request, token_id):
                break
        else:
            raise await self._failure("port", "Other programs took every port chosen for your lab.")
        await self._settle(size, isolation, folders)
        self._watch_end()
        self._step(95, "Your lab is ready")
        return ("127.0.0.1", self.port)

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
            self._remember({})
            raise LabStartError(str(error), reason="size") from error

    def _remember(self, options: Mapping[str, JsonValue]) -> None:
        """Keep the options for the next start."""
        self.user_options = remembered(options)
        self.orm_spawner.user_options = self.user_options

    async def _isolation(self) -> Isolation:
        isolation = decide_isolation(
            self.settings.isolation, self.machine, user_namespaces=self.settings.user_namespaces
        )
        if isolation.missing:
            raise await self._failure(
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

    async def _make_groups(self, size: LabSize, isolation: Isolation) -> tuple[str, ...]:
        limits = cgroups.Limits(size.memory, size.cpu, size.processes)
        limited = bool(isolation.controllers)

        def make() -> tuple[str, ...]:
            platform = name_of_platform(self._state)
            hierarchy = cgroups.find_hierarchy()
            folders = hierarchy.create(platform, self.user.name, limits, limited=limited)
            for folder in folders if limited else ():
                folder.chmod(0o755)  # the lab reads its limits; no other lab sees the directory
            return tuple(map(str, folders))

        try:
            return await threads.run(make)
        except OSError as error:
            raise await self._failure(
                "limits", "The lab's limits could not be set.", error
            ) from error

    async def _settle(self, size: LabSize, isolation: Isolation, folders: tuple[str, ...]) -> None:
        """Limit the lab to its share of the CPU, now that it has started."""
        limits = cgroups.Limits(size.memory, size.cpu, size.processes)
        limited = bool(isolation.controllers)

        def settle() -> None:
            cgroups.find_hierarchy().settle(folders, limits, limited=limited)

        try:
            await threads.run(settle)
        except OSError as error:
            raise await self._failure(
                "limits", "The lab's limits could not be set.", error
            ) from error

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

    async def _write_files(
        self, site: LabSite, request: LabRequest, owner: tuple[int, int] | None
    ) -> None:
        """Write what a lab without a view of its own finds instead of ``/etc/nublado``."""
        place = place_of(site, self.user.name, private=False)
        files = nublado_files(self.runtime, request.token, variables_of(site, place, request))
        await threads.run(write_private_files, place.nublado, files, owner)

    async def _answers(self, spec: LabSpec, request: LabRequest, token_id: str) -> bool:
        """Start the process; return whether it answers, or something else does on its port."""
        await self._launch(spec, request, token_id)
        try:
            await self._wait_for_answer()
        except PortTakenError as error:
            self.log.warning("Starting the lab of %s again: %s", self.user.name, error)
            if self.record is not None:
                await self._end(self.record)
            return False
        return True

    async def _launch(self, spec: LabSpec, request: LabRequest, token_id: str) -> None:
        """Start the process; return when it has become the lab's program."""
        hub_token_id = self._id_of(self.api_token)

        def launch() -> LabProcess:
            # In one step, so that there is never a process without a record.
            process = self._process = start_process(self.log_file)
            self.record = LabRecord(
                self.user.name,
                process.pid,
                process.start_ticks,
                self.port,
                request.cgroups,
                token_id,
                hub_token_id,
                request.runtime,
                memory=request.size.memory,
            )
            self.record.write(self._record_file)
            return process

        try:
            process = await threads.run(launch)
        except OSError as error:
            self._revoke({token_id})
            raise await self._failure(
                "process", "This machine could not start another process.", error
            ) from error
        try:
            await process.become(spec)
        except ProcessStartError as error:
            raise await self._failure(
                "launch", "Your lab could not be set up on this machine.", error
            ) from error

    async def _wait_for_answer(self) -> None:
        """Return when the lab answers on its port.

        Raises
        ------
        LabStartError
            If the lab ends before that.
        PortTakenError
            If something else answers.
        """
        self._step(70, "Waiting for JupyterLab to answer")
        while self.record is not None:
            if await _is_open(self.port) and (
                listener := await asyncio.to_thread(find_listener, self.record)
            ):
                await self._update_record(replace(self.record, listener=listener))
                return
            code = self._process.ended() if self._process else 0
            if code is not None:
                raise await self._failure("ended", f"JupyterLab ended at once (exit code {code}).")
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
            resolver=resolver_directories(),
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
        leftover = await asyncio.to_thread(LabRecord.read, self._record_file)
        if leftover and not (self.record or self.orm_spawner.server or self.pending):
            self.log.warning("Ending a lab of %s that the hub does not know", self.user.name)
            await self._remove_leftover(leftover)

    async def _remove_leftover(self, record: LabRecord) -> None:
        if await asyncio.to_thread(record.is_alive):  # else its pids may have been reused
            await self._end(record)
        await self._forget(record)

    def _watch_end(self) -> None:
        """Notice the end of the lab's process at once, before its port can be taken."""
        if self._watch is None and self.record is not None and self.record.listener:
            with suppress(ProcessLookupError):
                self._watch = EndWatch(self.record.pid, self._on_end)

    def _on_end(self) -> None:
        if not self.pending:
            asyncio.get_running_loop().create_task(self.poll_and_notify())

    async def _note_memory(self, *, ended_by_kill: bool) -> None:
        """Tell administrators and the person when the kernel ended processes for want of memory."""
        record = self.record
        if record is None or not record.cgroup:
            return
        kills = await asyncio.to_thread(oom_kills, record.cgroup)
        if kills <= record.oom_kills:
            return
        # A hub that was killed knows the record as it was when the lab started.
        kept = await asyncio.to_thread(LabRecord.read, self._record_file)
        same = kept is not None and kept.start_ticks == record.start_ticks
        told = kept.oom_kills if kept and same else record.oom_kills
        if kills > told:
            group = Path(record.cgroup[0])
            killed = await asyncio.to_thread(killed_processes, group, kills - told)
            await self._note_shortage(
                Shortage(
                    user=self.user.name,
                    time=datetime.now(UTC),
                    limit=record.memory,
                    count=kills - told,
                    processes=killed,
                    lab_ended=ended_by_kill,
                )
            )
        await self._update_record(replace(record, oom_kills=kills))
        if ended_by_kill:
            limit = memory_in_words(record.memory)
            self._note_end(
                f"Your lab ran out of memory ({limit}), and the system ended it. Work on less data "
                "at a time, or choose a larger lab."
            )

    async def _note_shortage(self, shortage: Shortage) -> None:
        self.log.warning("The lab of %s ran out of memory: %s", shortage.user, shortage.message)
        try:
            await self.shortages.add(shortage)
        except OSError as error:
            self.log.warning("The list of labs that ran out of memory was not saved: %s", error)

    def _note_end(self, reason: str) -> None:
        self.log.warning("The lab of %s ends: %s", self.user.name, reason)
        self._last_ends[self.user.name] = reason

    async def _update_record(self, record: LabRecord) -> None:
        self.record = record
        await asyncio.to_thread(record.write, self._record_file)

    async def _wait_for_end(self, record: LabRecord, seconds: float) -> None:
        """Wait until a lab has ended, but no longer than some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # A process that is not our child can only be polled.
                while await asyncio.to_thread(record.is_alive):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def _end(self, record: LabRecord) -> None:
        """Kill all processes of a lab that are left."""
        for _ in range(100):
            left = await asyncio.to_thread(record.members)
            if not left:
                return
            processes.kill(left)
            if self._process is not None:
                self._process.ended()  # reaps it
            await asyncio.sleep(0.03)
        self.log.error("Some processes of %s's lab cannot be killed", self.user.name)

    async def _clean_up(self) -> None:
        """Remove what a lab leaves: processes, control groups, record and tokens."""
        record, process = self.record, self._process
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if record is not None:
            await self._note_memory(ended_by_kill=False)
            await self._end(record)
            await self._forget(record)
            self.clear_state()
        if process is not None:
            await asyncio.to_thread(process.wait_for_log)
        self._process = None

    async def _forget(self, record: LabRecord) -> None:
        await asyncio.to_thread(cgroups.remove, record.cgroup)
        await asyncio.to_thread(remove_runtime, record.runtime)
        await asyncio.to_thread(self._record_file.unlink, missing_ok=True)
        # The hub would revoke its own token too, but no longer knows it after a restart.
        self._revoke({record.token_id, record.hub_token_id})

    def _revoke(self, token_ids: set[str]) -> None:
        for token in list(self.user.orm_user.api_tokens):
            if token.api_id in token_ids:
                self._session.delete(token)
        self._session.commit()

    async def _failure(
        self, reason: str, sentence: str, cause: BaseException | None = None
    ) -> LabStartError:
        """Return the error for a failed start; administrators also see the end of the log."""
        detail = f" ({cause})" if cause else ""
        if self._process is not None and self._process.ended() is not None:
            await asyncio.to_thread(self._process.wait_for_log)
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


async def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(probe, ("127.0.0.1", port))
        except OSError:
            return False
        return True
