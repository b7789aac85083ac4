"""A lab's start, for real: the lab sees, is and may do only what the specification says."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from firstlight_hub.spawner import machine, processes
from firstlight_hub.spawner.models import EtcFile, Hidden, LabSpec, Namespaces, Seed, Shown
from firstlight_hub.spawner.start_parent import LabProcess, ProcessStartError, start_process
from tests.waiting import wait_for

ROOT = os.geteuid() == 0
OWNER = (123_456, 123_456) if ROOT else (os.geteuid(), os.getegid())
CAN = machine.probe()

needs_namespaces = pytest.mark.skipif(
    not CAN.namespaces, reason=f"no namespaces here: {CAN.reasons.get('namespaces')}"
)


NO_KEYS = 77
_KEYCTL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}
add_key, request_key, keyctl = numbers[os.uname().machine]
session = ctypes.c_int(-3)
"""
START = """
import asyncio, pickle, sys, time
from pathlib import Path
from firstlight_hub.spawner.start_parent import start_process
started = start_process(Path(sys.argv[1]))
asyncio.run(started.become(pickle.load(sys.stdin.buffer)))
while (code := started.ended()) is None:
    time.sleep(0.01)
started.wait_for_log(30)
sys.exit(code)
"""
WITH_A_KEY = f"""
{_KEYCTL}
import sys
if libc.syscall(keyctl, 1, None) < 0 or libc.syscall(add_key, b"user", b"ticket", b"secret", 6, session) < 0:
    sys.exit(77)
{START}
"""
READ_KEY = (
    _KEYCTL
    + """
found = libc.syscall(request_key, b"user", b"ticket", None, 0)
print("found nothing" if found < 0 else "found a key")
"""
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "homes" / "vera"
    folder.mkdir(parents=True)
    if ROOT:
        os.chown(folder, *OWNER)
    return folder


@pytest.fixture
def spec(home: Path) -> LabSpec:
    """Return the specification of a lab that hides what is around it."""
    place = home.parent.parent
    return LabSpec(
        command=("/bin/sh", "-c", "true"),
        environment={"PATH": "/usr/bin:/bin", "HOME": "/home/vera"},
        directory="/home/vera",
        owner=OWNER,
        account=ROOT,
        processes=0,
        namespaces=CAN.namespaces,
        hidden=(Hidden("/home"), Hidden("/tmp", "mode=1777,size=4m"), Hidden(str(place))),
        shown=(Shown(str(home), "/home/vera", writable=True),),
        etc={
            "passwd": EtcFile(f"vera:x:{OWNER[0]}:{OWNER[1]}::/home/vera:/bin/sh\n"),
            "nublado/secrets/token": EtcFile("the-token\n", 0o400),
        },
    )


def run(spec: LabSpec, log: Path, script: str = "true") -> tuple[int, str]:
    """Launch a lab that runs a shell script; return how it ended and what it said."""
    started = start_process(log)
    asyncio.run(started.become(replace(spec, command=("/bin/sh", "-c", script))))
    return ended(started), log.read_text()


def ended(started: LabProcess) -> int:
    """Return how a lab ended, when its log is complete."""
    while (code := started.ended()) is None:
        time.sleep(0.01)
    started.wait_for_log(30)
    return code


@needs_namespaces
def test_a_lab_sees_its_home_and_not_what_is_around_it(
    spec: LabSpec, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hidden")
    (home.parent / "other").mkdir()
    code, said = run(
        spec, tmp_path / "log", f"pwd; ls -A /home; ls -A {tmp_path} 2>&- | wc -l; echo hi > mine"
    )

    assert (code, said.split()) == (0, ["/home/vera", "vera", "0"])
    assert (home / "mine").read_text() == "hi\n"


@needs_namespaces
def test_what_is_shown_brings_nothing_back_that_is_hidden_in_it(
    spec: LabSpec, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    (site / "state" / "data").mkdir(parents=True)
    (site / "program").write_text("shown")
    (site / "state" / "secret").write_text("hidden")
    (site / "state" / "data" / "image").write_text("shown")
    nested = replace(
        spec,
        hidden=(*spec.hidden, Hidden(str(site / "state"))),
        shown=(
            *spec.shown,
            *(Shown(str(path), str(path)) for path in (site, site / "state" / "data")),
        ),
    )
    _, said = run(nested, tmp_path / "log", f"cd {site}; find . -type f | sort")

    assert said.split() == ["./program", "./state/data/image"]


@needs_namespaces
def test_a_lab_has_an_etc_of_its_own_over_the_machines(spec: LabSpec, tmp_path: Path) -> None:
    code, said = run(
        spec,
        tmp_path / "log",
        "id -un; cat /etc/nublado/secrets/token; test -s /etc/group && echo same; "
        "test -r /etc/os-release && echo linked; touch /etc/new 2>/dev/null || echo read-only",
    )

    assert (code, said.split()) == (0, ["vera", "the-token", "same", "linked", "read-only"])


@needs_namespaces
def test_a_lab_sees_no_process_but_its_own(spec: LabSpec, tmp_path: Path) -> None:
    _, said = run(spec, tmp_path / "log", "ls -d /proc/[0-9]* | wc -l; echo $PPID")
    count, parent = said.split()

    assert int(count) <= 4
    assert parent == "1"


@needs_namespaces
def test_the_token_is_the_labs_alone(spec: LabSpec, tmp_path: Path) -> None:
    _, said = run(spec, tmp_path / "log", "stat -c '%a %u' /etc/nublado/secrets/token")

    assert said.split() == ["400", str(OWNER[0])]


@pytest.mark.skipif(not ROOT, reason="only root can give a lab an account of its own")
def test_a_lab_is_nobody_else_and_can_become_nobody_else(spec: LabSpec, tmp_path: Path) -> None:
    _, said = run(
        spec,
        tmp_path / "log",
        "id -u; id -G; grep -E 'CapEff|NoNewPrivs' /proc/self/status | awk '{print $2}'; umask",
    )

    assert said.split() == [str(OWNER[0]), str(OWNER[1]), "0000000000000000", "1", "0022"]


_NAMESPACES = """
import ctypes, os, struct, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    child = libc.syscall(*(ctypes.c_long(word) for word in words))
    if words[0] in (CLONE, CLONE3) and child >= 0:
        os.waitpid(child, 0) if child else os._exit(0)
    return "made" if child >= 0 else errno.errorcode[ctypes.get_errno()]
CLONE, UNSHARE, SETNS = {"x86_64": (56, 272, 308), "aarch64": (220, 97, 268)}[os.uname().machine]
CLONE3, USER, SIGCHLD = 435, 0x10000000, 17
block = ctypes.create_string_buffer(struct.pack("=QQQQQQQQ", USER, 0, 0, 0, SIGCHLD, 0, 0, 0))
print(call(CLONE, USER | SIGCHLD, 0, 0, 0, 0))
print(call(CLONE3, ctypes.addressof(block), 64))
print(call(SETNS, os.open("/proc/self/ns/user", os.O_RDONLY), 0))
print(call(SETNS, os.open("/proc/self/ns/user", os.O_RDONLY), USER))
print(call(UNSHARE, USER))
"""


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("namespaces", sorted({CAN.namespaces, ""}))
def test_user_namespaces_are_for_labs_that_may_have_them(
    spec: LabSpec, namespaces: Namespaces, allowed: bool, tmp_path: Path
) -> None:
    code = tmp_path / "attack.py"
    code.write_text(_NAMESPACES)
    # An account of its own could not read the interpreter of the tests.
    lab = replace(spec, namespaces=namespaces, user_namespaces=allowed, account=False)
    lab = replace(lab, directory="/", hidden=(), shown=())
    _, said = run(lab, tmp_path / "log", f"{sys.executable} {code}; unshare -U echo made")

    if allowed:
        assert said.split()[:2] == ["made", "made"], said
        assert said.split()[-1] == "made"
    else:
        assert said.split()[:5] == ["EPERM", "ENOSYS", "EPERM", "EPERM", "EPERM"], said
        assert "Operation not permitted" in said


@needs_namespaces
def test_programs_work_without_user_namespaces(
    spec: LabSpec, repository: Path, tmp_path: Path
) -> None:
    """Threads, processes of three kinds, a shell, and Node.js, whose C++ starts threads as Java's."""
    code = tmp_path / "work.py"
    code.write_text(
        "import concurrent.futures, multiprocessing, shutil, subprocess, threading\n"
        "if __name__ == '__main__':\n"
        "    with concurrent.futures.ThreadPoolExecutor(8) as pool:\n"
        "        print(sum(pool.map(abs, range(9))))\n"
        "    for method in ('fork', 'spawn', 'forkserver'):\n"
        "        context = multiprocessing.get_context(method)\n"
        "        with concurrent.futures.ProcessPoolExecutor(2, context) as pool:\n"
        "            print(sum(pool.map(abs, range(9))))\n"
        "    print(subprocess.run(['sh', '-c', 'echo 36'], capture_output=True, text=True).stdout)\n"
        "    if shutil.which('node'):\n"
        '        worker = \'new (require("worker_threads").Worker)("console.log(36)", {eval: true})\'\n'
        "        print(subprocess.run(['node', '-e', worker], capture_output=True, text=True).stdout)\n"
        "    else:\n"
        "        print(36)\n"
    )
    lab = replace(spec, user_namespaces=False, account=False, hidden=(), shown=(), directory="/")
    lab = replace(lab, environment={"PATH": f"{repository}/.venv-labs/bin:/usr/bin:/bin"})
    status, said = run(lab, tmp_path / "log", f"{sys.executable} {code}")

    assert (status, said.split()) == (0, ["36"] * 6)


@needs_namespaces
def test_a_lab_has_a_directory_for_its_sockets_alone(spec: LabSpec, tmp_path: Path) -> None:
    lab = replace(spec, hidden=(*spec.hidden, Hidden("/run")), runtime="/run/jupyter")
    _, said = run(lab, tmp_path / "log", "ls -A /run; stat -c '%a %u' /run/jupyter")

    assert said.split() == ["jupyter", "700", str(OWNER[0])]


@needs_namespaces
def test_a_lab_has_no_key_of_whoever_started_the_platform(spec: LabSpec, tmp_path: Path) -> None:
    # In a process of its own: a session keyring cannot be left again.
    done = subprocess.run(
        [sys.executable, "-c", WITH_A_KEY, tmp_path / "log"],
        input=pickle.dumps(replace(spec, command=("/usr/bin/python3", "-c", READ_KEY))),
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode == NO_KEYS:
        pytest.skip("this kernel has no keys, or a container denies them")

    assert done.returncode == 0, done.stderr
    assert "found nothing" in (tmp_path / "log").read_text()


@needs_namespaces
def test_when_a_lab_ends_nothing_of_it_stays(spec: LabSpec, tmp_path: Path) -> None:
    log = tmp_path / "log"
    started = start_process(log)
    script = "setsid sleep 987 & setsid nohup sleep 988 & echo ready; exec sleep 989"
    asyncio.run(started.become(replace(spec, command=("/bin/sh", "-c", script))))
    wait_for(lambda: len(processes.family(started.pid, ())) >= 5, what="all of its processes")
    family = processes.family(started.pid, ())
    os.kill(started.pid, signal.SIGTERM)

    assert ended(started) == 256 - signal.SIGTERM
    assert len(family) >= 5
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]


def test_without_namespaces_the_process_itself_becomes_the_lab(home: Path, tmp_path: Path) -> None:
    bare = LabSpec(
        command=("/bin/sh", "-c", "true"),
        environment={"PATH": "/usr/bin:/bin"},
        directory="/",
        owner=OWNER,
        account=ROOT,
        processes=50,
        namespaces="",
    )
    code, said = run(bare, tmp_path / "log", "id -u; ulimit -u 2>/dev/null || true; ulimit -c")

    assert code == 0
    assert said.split()[0] == str(OWNER[0])
    assert said.split()[-1] == "0"


def test_what_fails_is_named(spec: LabSpec, tmp_path: Path) -> None:
    started = start_process(tmp_path / "log")
    broken = replace(spec, namespaces="", directory="/", command=("/nowhere/python",), shown=())

    with pytest.raises(ProcessStartError, match=r"starting /nowhere/python: .*No such file"):
        asyncio.run(started.become(broken))
    assert ended(started) == 125


@needs_namespaces
def test_what_cannot_be_shown_is_named(spec: LabSpec, tmp_path: Path) -> None:
    started = start_process(tmp_path / "log")
    broken = replace(spec, shown=(Shown("/nowhere", "/home/vera", writable=True),))

    with pytest.raises(ProcessStartError, match="view of the file system"):
        asyncio.run(started.become(broken))
    ended(started)


@pytest.fixture
def seeded(spec: LabSpec, tmp_path: Path) -> LabSpec:
    """Return the specification of a lab that brings tutorials to the home."""
    originals = tmp_path / "originals"
    originals.mkdir(mode=0o755)
    (originals / "one.ipynb").write_text("original")
    shown = (*spec.shown, Shown(str(originals), "/tmp/originals"))
    seed = Seed("/tmp/originals", "/home/vera/tutorials", "/home/vera/tutorials-original")
    return replace(spec, shown=shown, seeds=(seed,))


@needs_namespaces
def test_tutorials_arrive_and_what_a_person_wrote_is_kept(seeded: LabSpec, tmp_path: Path) -> None:
    run(seeded, tmp_path / "log", "echo changed > tutorials/one.ipynb")
    (tmp_path / "originals" / "one.ipynb").write_text("newer")
    _, said = run(
        seeded,
        tmp_path / "log",
        "cat $JUPYTER_CONFIG_PATH/labconfig/page_config.json; echo; "
        "cat tutorials/one.ipynb tutorials/one.new-version.ipynb tutorials-original/one.ipynb; "
        "echo x 2>/dev/null > tutorials-original/one.ipynb || echo read-only",
    )
    told, page, *lines = said.splitlines()

    assert "tutorials/one.new-version.ipynb" in told
    assert json.loads(json.loads(page)["firstlightNotes"]) == [told]
    assert lines[0] == "changed"
    assert lines[1].startswith("newer")
    assert lines[-1].endswith("read-only")


@needs_namespaces
def test_a_reset_moves_what_a_person_installed_and_nothing_else(
    seeded: LabSpec, home: Path, tmp_path: Path
) -> None:
    moved = [".cache", ".conda", ".config", ".eups", ".local", ".jupyter"]
    run(
        seeded,
        tmp_path / "log",
        f"mkdir -p {' '.join(moved)} notebooks data .ssh; touch notebooks/.user_setups "
        "notebooks/mine.ipynb; for d in .cache .local; do touch $d/x; done",
    )
    run(replace(seeded, reset=".user_env.now"), tmp_path / "log")

    assert {str(path.relative_to(home)) for path in home.glob(".user_env.now/**/*")} >= {
        *(f".user_env.now/{name}" for name in moved),
        ".user_env.now/.cache/x",
        ".user_env.now/notebooks/.user_setups",
    }
    assert not (home / ".cache").exists()
    assert not (home / ".local" / "x").exists()  # the lab's server makes its own again
    for name in ("notebooks/mine.ipynb", "data", ".ssh", "tutorials/one.ipynb"):
        assert (home / name).exists(), name


@needs_namespaces
def test_a_reset_of_links_moves_the_links(seeded: LabSpec, home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o777)
    (outside / "theirs").write_text("theirs")
    for name in (".local", "notebooks", ".jupyter"):
        (home / name).symlink_to(outside if name != ".jupyter" else home)
    code, _ = run(replace(seeded, reset=".user_env.now"), tmp_path / "log")

    assert code == 0
    assert (home / ".user_env.now" / ".local").is_symlink()
    assert (home / ".user_env.now" / ".jupyter").is_symlink()
    assert (outside / "theirs").read_text() == "theirs"


OBSTACLES = {
    "a file": "rm -rf .local; echo x > .local",
    "a link to nothing": "rm -rf .jupyter; ln -s /nowhere/x .jupyter",
    "a file deeper": "mkdir -p .local/share; rm -rf .local/share/jupyter; echo > .local/share/jupyter",
    "a closed folder": "mkdir -p .jupyter; chmod 0 .jupyter",
    "a pipe": "rm -rf .jupyter; mkfifo .jupyter",
}


@needs_namespaces
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_lab_starts_whatever_is_in_the_way_and_says_so(
    seeded: LabSpec, home: Path, tmp_path: Path, obstacle: str
) -> None:
    run(seeded, tmp_path / "log", OBSTACLES[obstacle])
    code, said = run(
        seeded, tmp_path / "log", "echo $ABNORMAL_STARTUP; pwd; touch $HOME/x && echo ok"
    )
    _, after = run(
        replace(seeded, reset=".user_env.now"), tmp_path / "log", "echo got=$ABNORMAL_STARTUP"
    )

    assert code == 0
    assert "cannot be written to" in said
    assert said.splitlines()[-3:] == ["TRUE", "/home/vera", "ok"]
    assert after.splitlines()[-1] == "got="


@needs_namespaces
def test_a_lab_with_a_full_home_starts_and_says_so(spec: LabSpec, tmp_path: Path) -> None:
    full = replace(
        spec,
        # The only inode is that of the directory itself.
        hidden=(*spec.hidden, Hidden("/var/tmp", "mode=1777,nr_inodes=1")),
        environment=spec.environment | {"HOME": "/var/tmp"},
        directory="/var/tmp",
    )
    code, said = run(
        full,
        tmp_path / "log",
        "pwd; echo $ABNORMAL_STARTUP_ERRORCODE $ABNORMAL_STARTUP_ERRNO; touch $HOME/x && echo ok",
    )

    assert code == 0
    assert "Delete or move files" in said
    assert said.splitlines()[-3:] == ["/var/tmp", "ENOSPC 28", "ok"]


def test_no_secret_is_in_the_process_list(spec: LabSpec, tmp_path: Path) -> None:
    started = start_process(tmp_path / "log")
    line = Path(f"/proc/{started.pid}/cmdline").read_bytes()
    secret = replace(spec, namespaces="", directory="/", environment={"ACCESS_TOKEN": "hush-hush"})
    asyncio.run(started.become(replace(secret, command=("/bin/sleep", "0.2"))))

    assert b"hush-hush" not in line + Path(f"/proc/{started.pid}/cmdline").read_bytes()
    ended(started)


TAMPER = """
import ctypes, fcntl, os, sys
libc = ctypes.CDLL(None, use_errno=True)
print("an honest line", flush=True)
for fd in (1, 2):
    for attempt in (lambda: os.ftruncate(fd, 0), lambda: os.lseek(fd, 0, 0)):
        try:
            attempt()
        except OSError:
            continue
        print("TAMPERED", flush=True)
for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
    if pid == os.getpid():
        continue
    for folder in (f"/proc/{pid}/fd",):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            try:
                where = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            if where.startswith("/") and where != "/dev/null":
                print("FILE", pid, where, flush=True)
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        continue
    for number in range(64):
        taken = libc.syscall(438, pidfd, number, 0)
        if taken >= 0 and os.path.isfile(f"/proc/self/fd/{taken}"):
            print("TAKEN", pid, number, flush=True)
for path in sys.argv[1:]:
    try:
        os.truncate(path, 0)
        print("TRUNCATED", path, flush=True)
    except OSError:
        pass
os.write(1, b"! 5 KiB of output dropped: forged\\n")
"""


AS_ORDINARY = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if ROOT else ()


@needs_namespaces
@pytest.mark.parametrize("kind", ["root", "user"])
def test_a_lab_cannot_reach_its_log(
    spec: LabSpec, tmp_path: Path, kind: Literal["root", "user"]
) -> None:
    """Neither with an account of its own, nor as the operator in namespaces."""
    if kind == "root" and not ROOT:
        pytest.skip("only root gives labs accounts of their own")
    log = tmp_path / "logs" / "vera.log"
    lab = replace(
        spec,
        namespaces=kind,
        account=kind == "root",
        owner=OWNER if kind == "root" else (1000, 1000) if ROOT else OWNER,
        command=("/usr/bin/python3", "-c", TAMPER, str(log)),
        environment={"PATH": "/usr/bin:/bin"},  # a home would be prepared, with words in the log
        etc={},
    )
    done = subprocess.run(
        [*(AS_ORDINARY if kind == "user" else ()), sys.executable, "-c", START, log],
        input=pickle.dumps(lab),
        check=False,
        timeout=60,
    )

    assert log.read_text().splitlines() == [
        "an honest line",
        " ! 5 KiB of output dropped: forged",
    ]
    assert done.returncode == 0


@needs_namespaces
def test_the_outer_processes_of_a_lab_do_not_hold_its_log(spec: LabSpec, tmp_path: Path) -> None:
    started = start_process(tmp_path / "log")
    asyncio.run(started.become(replace(spec, command=("/bin/sleep", "60"))))
    held = [str(Path(f"/proc/{started.pid}/fd/{n}").readlink()) for n in (0, 1, 2)]
    os.kill(started.pid, signal.SIGTERM)
    ended(started)

    assert held == ["/dev/null"] * 3


def test_the_labs_environment_is_asked_for_its_places(labs_python: Path) -> None:
    found = machine.inspect(labs_python)

    assert labs_python.parent.parent in found.paths
    assert all(path.is_dir() for path in found.paths)
    assert "DAF_BUTLER_CONFIG_PATH" in found.environment


def test_a_broken_labs_environment_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(machine.InstallationError, match="does not run"):
        machine.inspect(tmp_path / "python")


def test_directories_closed_to_others_are_found(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "in").mkdir(parents=True)
    closed.chmod(0o700)

    assert closed in machine.closed_directories((closed / "in",))
    assert Path(sys.prefix).anchor not in map(str, machine.closed_directories((closed,)))


def test_nobody_else_may_write_to_the_labs_environment(labs_python: Path) -> None:
    root = labs_python.parent.parent.resolve()
    command = ["find", root, "!", "-type", "l", "-perm", "-o+w"]
    found = subprocess.run(command, capture_output=True, check=True, timeout=120).stdout

    assert not found
