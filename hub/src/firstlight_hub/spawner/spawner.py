"""Labs as processes of this machine, each isolated from the others."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyterhub.utils import random_port
from traitlets import Instance, Unicode

from firstlight_common import groups
from firstlight_hub.settings.model import LabSize
from firstlight_hub.spawner import cgroups, processes, threads
from firstlight_hub.spawner.assembly import (
    LabRequest,
    LabSite,
    assemble,
    place_of,
    repositories,
    variables_of,
)
from firstlight_hub.spawner.choices import choices_of
from firstlight_hub.spawner.ends import EndWatch, oom_kills
from firstlight_hub.spawner.environment import nublado_files
from firstlight_hub.spawner.errors import LabStartError
from firstlight_hub.spawner.form import in_words, memory_in_words
from firstlight_hub.spawner.homes import (
    create_runtime,
    ensure_home,
    remove_runtime,
    runtimes,
    write_private_files,
)
from firstlight_hub.spawner.kernel_log import killed_processes
from firstlight_hub.spawner.lab import Lab
from firstlight_hub.spawner.listeners import PortTakenError, find_listener, is_taken
from firstlight_hub.spawner.machine import (
    closed_directories,
    program_directories,
    resolver_directories,
)
from firstlight_hub.spawner.models import Capabilities, LabInstallation, LabSpec
from firstlight_hub.spawner.places import ProcessPlace
from firstlight_hub.spawner.policy import (
    Isolation,
    decide_isolation,
    destinations,
)
from firstlight_hub.spawner.record import LabRecord
from firstlight_hub.spawner.shortages import Shortage, Shortages
from firstlight_hub.spawner.slow_starts import SlowStarts
from firstlight_hub.spawner.start_network import LISTENING
from firstlight_hub.spawner.start_parent import (
    UNKNOWN,
    ForkError,
    LabProcess,
    ProcessStartError,
    fork_process,
    start_process,
)

__all__ = ["LabSpawner"]

TUTORIAL = "/lab/tree/tutorials/01-first-light.ipynb"
"""The page that a first visit opens."""

_POLL_SECONDS = 0.03
_FAILURE_LINES = 25
"""How many lines of a lab's log administrators see when it did not start."""
_PORT_ATTEMPTS = 5
_KILLED = {-signal.SIGKILL, 256 - signal.SIGKILL, UNKNOWN}
"""How a lab may have ended that was killed."""


class LabSpawner(Lab):
    """Starts a lab in private namespaces, under its own account, limited by control groups.

    Notes
    -----
    A start returns only when the port answers: the hub's own check for it backs off exponentially,
    which makes a person wait twice as long. If the lab ends before that, the start fails at once.

    Whatever waits for a disk, ``/proc`` or a process runs in a thread, so that the hub serves other
    people meanwhile. Only JupyterHub's database session has to stay with the event loop, and so do
    the attributes of a user: reading a name may query the database.
    """

    installation = Instance(LabInstallation, config=True, help="The labs' environment.")
    forks = Unicode(config=True, help="The fork server's socket; empty if there is none.")
    machine = Instance(Capabilities, config=True, help="What this machine can enforce.")
    slow_starts = Instance(
        SlowStarts, args=(), config=True, help="Why labs were not forked, for administrators."
    )
    shortages = Instance(
        Shortages, args=(), config=True, help="Labs that ran out of memory, for administrators."
    )
    tutorials_dir = Unicode(config=True, help="The directory that each new home gets a copy of.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._process: LabProcess | None = None
        self._watch: EndWatch | None = None

    # --- what the hub calls

    async def poll(self) -> int | None:
        """Return None while the lab runs, else its exit code."""
        if self.record is None:
            return 0
        status = self._process.ended() if self._process else None
        ended = status is not None or not await asyncio.to_thread(self.record.place.is_alive)
        await self._note_memory(ended_by_kill=ended and status in {None, *_KILLED})
        if not ended and await asyncio.to_thread(is_taken, self.record.place):
            self.note_end("Another program took your lab's port, so your lab was ended.")
            ended = True
        if not ended:
            self._watch_end()
            return None
        await self.clean_up()
        return status or 0

    async def stop(self, now: bool = False) -> None:
        """Ask the lab to stop, then kill it; return when all of its processes are gone."""
        record = self.record
        if record is not None and not now and await asyncio.to_thread(record.place.is_alive):
            processes.kill({record.place.pid}, signal.SIGTERM)
            await self._wait_for_end(record, self.settings.stop_timeout.total_seconds())
        await self.clean_up()

    # --- the steps of a start

    async def launch(self) -> tuple[str, int]:
        """Start the lab, and return its address when it answers."""
        size = self.chosen_size()
        choices = choices_of(self.user_options, datetime.now(UTC))
        self.remember(self.user_options)
        isolation = await self._isolation()
        await self._check_installation(isolation)
        self.steps.add(10, "Preparing your home")
        owner = self._owner(isolation)
        try:
            _, new = await threads.run(
                ensure_home, self.state_path / "homes", self.user.name, owner
            )
        except OSError as error:
            raise await self.failure(
                "home", "Your home directory could not be created.", error
            ) from error
        self.mem_limit, self.cpu_limit = size.memory, size.cpu
        self.default_url = TUTORIAL if new else "/lab"
        self.steps.add(30, f"Reserving resources: {in_words(size)}")
        folders = await self._make_groups(size, isolation)
        token, token_id = self.mint_token()
        runtime = ""
        if not isolation.namespaces:
            runtime = await threads.run(create_runtime, self.state_path, self.user.name, owner)
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
            self.steps.add(50, "Starting JupyterLab")
            self.port = random_port()
            request = replace(request, hub_variables=self.get_env(), port=self.port)
            if not isolation.namespaces:
                await self._write_files(site, request, owner)
            if await self._answers(assemble(site, isolation, request), request, token_id):
                break
        else:
            raise await self.failure("port", "Other programs took every port chosen for your lab.")
        await self._settle(size, isolation, folders)
        self._watch_end()
        self.steps.add(95, "Your lab is ready")
        return ("127.0.0.1", self.port)

    async def _isolation(self) -> Isolation:
        isolation = decide_isolation(
            self.settings.isolation, self.machine, user_namespaces=self.settings.user_namespaces
        )
        if isolation.missing:
            raise await self.failure(
                "isolation",
                "This machine cannot isolate labs as the site requires "
                f"({', '.join(isolation.missing).lower()}).",
            )
        return isolation

    async def _check_installation(self, isolation: Isolation) -> None:
        """Check that a lab that sees the machine's files can read what it runs."""
        if not isolation.account or isolation.namespaces:
            return
        if closed := await asyncio.to_thread(closed_directories, self.installation.paths):
            names = ", ".join(map(str, sorted(closed)))
            raise await self.failure(
                "closed",
                "Your lab's account may not read the software of labs.",
                PermissionError(
                    f"other accounts may not enter {names}: install the platform and its Python "
                    "elsewhere, or set spawner.isolation to auto"
                ),
            )

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
        name = self.user.name

        def make() -> tuple[str, ...]:
            platform = groups.name_of_platform(self.state_path)
            hierarchy = cgroups.find_hierarchy()
            folders = hierarchy.create(platform, name, limits, limited=limited)
            for folder in folders if limited else ():
                folder.chmod(0o755)  # the lab reads its limits; no other lab sees the directory
            return tuple(map(str, folders))

        try:
            return await threads.run(make)
        except OSError as error:
            raise await self.failure(
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
            raise await self.failure(
                "limits", "The lab's limits could not be set.", error
            ) from error

    async def _write_files(
        self, site: LabSite, request: LabRequest, owner: tuple[int, int] | None
    ) -> None:
        """Write what a lab without a view of its own finds instead of ``/etc/nublado``."""
        place = place_of(site, self.user.name, private=False)
        files = nublado_files(self.runtime, request.token, variables_of(site, place, request))
        await threads.run(write_private_files, place.nublado, files, owner)

    async def _answers(self, spec: LabSpec, request: LabRequest, token_id: str) -> bool:
        """Start the process; return whether it answers, or something else does on its port."""
        try:
            await self._launch(spec, request, token_id)
            await self._wait_for_answer()
        except PortTakenError as error:
            self.log.warning("Starting the lab of %s again: %s", self.user.name, error)
            if self.record is not None:
                await self._end(self.record)
            return False
        return True

    async def _launch(self, spec: LabSpec, request: LabRequest, token_id: str) -> None:
        """Start the process; return when it has become the lab's program."""
        hub_token_id = self.tokens.id_of(self.api_token)
        name, record_file, log_file = self.user.name, self.record_file, self.log_file

        def launch() -> LabProcess:
            # In one step, so that there is never a process without a record.
            process = self._process = self._new_process(name, log_file)
            self.record = LabRecord(
                name,
                ProcessPlace(
                    process.pid,
                    process.start_ticks,
                    self.port,
                    request.cgroups,
                    request.runtime,
                ),
                request.size.name,
                request.size.memory,
                float(request.size.cpu),
                (token_id, hub_token_id),
            )
            self.record.write(record_file)
            return process

        try:
            process = await threads.run(launch)
        except OSError as error:
            raise await self.failure(
                "process", "This machine could not start another process.", error
            ) from error
        try:
            await process.become(spec)
        except ProcessStartError as error:
            if error.step == LISTENING:
                raise PortTakenError(
                    f"port {self.port} belongs to a process outside the lab"
                ) from error
            raise await self.failure(
                "launch", "Your lab could not be set up on this machine.", error
            ) from error

    def _new_process(self, name: str, log_file: Path) -> LabProcess:
        """Fork a process if that is possible, else start one."""
        if not self.forks:
            return start_process(log_file)
        try:
            return fork_process(Path(self.forks), log_file, self.installation.python)
        except ForkError as error:
            self.slow_starts.note(str(error))
            self.log.warning(
                "The lab of %s starts slowly, because the fork server cannot be used: %s",
                name,
                error,
            )
            return start_process(log_file)

    async def _wait_for_answer(self) -> None:
        """Return when the lab answers on its port.

        Raises
        ------
        LabStartError
            If the lab ends before that.
        PortTakenError
            If something else answers.
        """
        self.steps.add(70, "Waiting for JupyterLab to answer")
        while self.record is not None:
            if await _is_open(self.port) and (
                listener := await asyncio.to_thread(find_listener, self.record.place)
            ):
                place = replace(self.record.place, listener=listener)
                await self.update_record(replace(self.record, place=place))
                return
            code = self._process.ended() if self._process else 0
            if code is not None:
                how = "" if code == UNKNOWN else f" (exit code {code})"
                raise await self.failure("ended", f"JupyterLab ended at once{how}.")
            await asyncio.sleep(_POLL_SECONDS)

    def _site(self) -> LabSite:
        tutorials = Path(self.tutorials_dir)
        return LabSite(
            state_dir=self.state_path,
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
            internet=destinations(self.settings.internet),
            programs=program_directories(),
        )

    # --- the end of a lab

    async def remove_leftover(self, record: LabRecord) -> None:
        """Remove a lab that only its record knows."""
        if await asyncio.to_thread(record.place.is_alive):  # else its pids may have been reused
            await self._end(record)
        await self.forget(record)

    async def remove_unrecorded(self) -> None:
        """Remove the control groups of a start, and the directory for its sockets."""
        name = self.user.name

        def remove() -> None:
            cgroups.remove(tuple(map(str, groups.lab_groups(self.state_path, name))))
            for folder in runtimes(self.state_path, name):
                remove_runtime(folder)

        await threads.run(remove)

    def _watch_end(self) -> None:
        """Notice the end of the lab's process at once, before its port can be taken."""
        if self._watch is None and self.record is not None and self.record.place.listener:
            with suppress(ProcessLookupError):
                self._watch = EndWatch(self.record.place.pid, self._on_end)

    def _on_end(self) -> None:
        if not self.pending:
            asyncio.get_running_loop().create_task(self.poll_and_notify())

    async def _note_memory(self, *, ended_by_kill: bool) -> None:
        """Tell administrators and the person when the kernel ended processes for want of memory."""
        record = self.record
        if record is None or not record.place.cgroup:
            return
        kills = await asyncio.to_thread(oom_kills, record.place.cgroup)
        if kills <= record.oom_kills:
            return
        # A hub that was killed knows the record as it was when the lab started.
        kept = await asyncio.to_thread(LabRecord.read, self.record_file)
        same = kept is not None and kept.place.start_ticks == record.place.start_ticks
        told = kept.oom_kills if kept and same else record.oom_kills
        if kills > told:
            group = Path(record.place.cgroup[0])
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
        await self.update_record(replace(record, oom_kills=kills))
        if ended_by_kill:
            limit = memory_in_words(record.memory)
            self.note_end(
                f"Your lab ran out of memory ({limit}), and the system ended it. Work on less data "
                "at a time, or choose a larger lab."
            )

    async def _note_shortage(self, shortage: Shortage) -> None:
        self.log.warning("The lab of %s ran out of memory: %s", shortage.user, shortage.message)
        try:
            await self.shortages.add(shortage)
        except OSError as error:
            self.log.warning("The list of labs that ran out of memory was not saved: %s", error)

    async def _wait_for_end(self, record: LabRecord, seconds: float) -> None:
        """Wait until a lab has ended, but no longer than some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # A process that is not our child can only be polled.
                while await asyncio.to_thread(record.place.is_alive):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def _end(self, record: LabRecord) -> None:
        """Kill all processes of a lab that are left."""
        for _ in range(100):
            left = await asyncio.to_thread(record.place.members)
            if not left:
                return
            processes.kill(left)
            if self._process is not None:
                self._process.ended()  # reaps it
            await asyncio.sleep(0.03)
        self.log.error("Some processes of %s's lab cannot be killed", self.user.name)

    async def clean_up(self) -> None:
        """Remove what a lab leaves: processes, control groups, record and tokens."""
        record, process = self.record, self._process
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if record is not None:
            await self._note_memory(ended_by_kill=False)
            await self._end(record)
            await self.forget(record)
            self.clear_state()
        else:
            await self.remove_unrecorded()
        if process is not None:
            await asyncio.to_thread(process.wait_for_log)
        self._process = None

    async def forget(self, record: LabRecord) -> None:
        """Remove what a lab has outside its processes."""
        await asyncio.to_thread(cgroups.remove, record.place.cgroup)
        await asyncio.to_thread(remove_runtime, record.place.runtime)
        await super().forget(record)

    async def failure(
        self, reason: str, sentence: str, cause: BaseException | None = None
    ) -> LabStartError:
        """Return the error for a failed start, once the log of a lab that ended is complete."""
        if self._process is not None and self._process.ended() is not None:
            await asyncio.to_thread(self._process.wait_for_log)
        return await super().failure(reason, sentence, cause)


async def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(probe, ("127.0.0.1", port))
        except OSError:
            return False
        return True
