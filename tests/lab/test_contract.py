"""The tables of docs/reference/lab-environment.md, compared with a running lab."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstlight_hub.spawner import machine
from firstlight_hub.spawner.environment import IN_FILES
from tests.lab_under_test import OWNER, PERSON, TOKEN, Lab, fake_hub

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "lab-environment.md"
TEXT = PAGE.read_text(encoding="utf-8")
PRIVATE = bool(machine.probe().namespaces)


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading."""
    section = re.split(r"^#+ ", TEXT.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


VARIABLES = {name: (value, note) for name, value, note in rows("Rubin's variables")}
FILES = {name: (value, note) for name, value, note in rows("Rubin's files")}


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory, labs_python: Path, repository: Path
) -> Iterator[dict[str, Any]]:
    """Start a lab of half a core, and return what its kernel finds."""
    state = tmp_path_factory.mktemp("lab")
    state.chmod(0o711)
    installation = machine.inspect(labs_python, state / "run" / "lab-python")
    with fake_hub() as hub:
        lab = Lab(state, repository / "tutorials", hub, installation)
        lab.size = lab.size.model_copy(update={"cpu": 0.5})
        lab.start()
        try:
            with lab.kernel() as kernel:
                said = kernel.run(
                    "import grp, json, os, pwd; from pathlib import Path\n"
                    "def text(path):\n"
                    "    return path.read_text().strip() if path.is_file() else None\n"
                    "mounts = Path(os.environ['NUBLADO_RUNTIME_MOUNTS_DIR'])\n"
                    "files = {str(path.relative_to(mounts)): text(path)\n"
                    "         for path in mounts.rglob('*') if path.is_file()}\n"
                    "def name(look_up, number):\n"
                    "    try: return look_up(number)[0]\n"
                    "    except KeyError: return None\n"
                    "modes = {key: oct((mounts / key).stat().st_mode & 0o777) for key in files}\n"
                    "print(json.dumps({'variables': dict(os.environ), 'files': files,\n"
                    "    'modes': modes, 'tmp': os.stat('/tmp').st_dev,\n"
                    "    'person': name(pwd.getpwuid, os.getuid()),\n"
                    "    'group': name(grp.getgrgid, os.getgid())}))\n"
                )
            answer: dict[str, Any] = json.loads(said)
            answer["specs"] = lab.get("api/kernelspecs").json()
            yield answer
        finally:
            lab.stop()


@pytest.fixture
def words(found: dict[str, Any]) -> dict[str, str]:
    """Return what the words in angle brackets stand for."""
    home = f"/home/{PERSON}" if PRIVATE else found["variables"]["HOME"]
    mounts = "/etc/nublado" if PRIVATE else found["variables"]["NUBLADO_RUNTIME_MOUNTS_DIR"]
    return {
        "<token>": TOKEN,
        "<site>": "http://127.0.0.1:8000",
        "<mounts>": mounts,
        "<size>": "Small (0.5 CPU, 2GiB RAM)",
        "<cpus>": "1",
        "<memory>": str(2 * 1024**3),
        "<home>": home,
        "<user>": PERSON,
        "<cache>": "/tmp/butler_cache" if PRIVATE else f"{home}/.cache/butler",
    }


def filled(value: str, words: dict[str, str]) -> str:
    for word, meaning in words.items():
        value = value.replace(word, meaning)
    assert not re.search(r"<\w+>", value), f"nobody says what {value} stands for"
    return value


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_is_as_documented(
    found: dict[str, Any], words: dict[str, str], name: str
) -> None:
    value, note = VARIABLES[name]
    if value == "–":
        assert note, "it says why not"
        assert name not in found["variables"]
    else:
        assert found["variables"][name] == filled(value, words)


def test_every_file_of_the_runtime_directory_is_documented(found: dict[str, Any]) -> None:
    documented = {
        name.removeprefix("<mounts>/") for name, (value, _) in FILES.items() if value != "–"
    }
    single = {name for name in found["files"] if not name.startswith("environment/")}

    assert single == documented - {"environment/<NAME>", "/etc/passwd", "/etc/group", "/tmp"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_documented(found: dict[str, Any], words: dict[str, str], name: str) -> None:
    value, note = FILES[name]
    path = name.removeprefix("<mounts>/")
    if value == "–":
        assert note, "it says why not"
        assert path not in found["files"]
    elif value == "<variables>":
        each = {
            key.removeprefix("environment/"): text
            for key, text in found["files"].items()
            if key.startswith("environment/")
        }
        assert set(each) == set(IN_FILES)
        assert each == {key: found["variables"][key] for key in IN_FILES}
    elif value == "<discovery>":
        assert set(json.loads(found["files"][path])) >= {"applications", "datasets", "services"}
    elif value in {"<person>", "<group>"}:
        assert found[value.strip("<>")] == PERSON or not PRIVATE
    elif value == "<own>":
        assert (found["tmp"] != Path("/tmp").stat().st_dev) == PRIVATE
    else:
        assert found["files"][path] == filled(value, words)


def test_only_the_lab_can_read_its_token(found: dict[str, Any]) -> None:
    assert found["modes"]["secrets/token"] == "0o400"
    assert OWNER[0] != 0


def test_the_servers_settings_are_as_documented(repository: Path) -> None:
    folder = repository / "lab-extensions/firstlight-lab/src/firstlight_lab/jupyter"
    server = json.loads((folder / "jupyter_server_config.json").read_text())
    server |= json.loads((folder / "jupyter_lab_config.json").read_text())
    documented = rows("Settings of the server")

    assert len(documented) == 8
    for setting, value in documented:
        section, name = setting.split(".")
        assert server[section][name] == json.loads(value), setting


def test_the_default_kernel_is_rubins(found: dict[str, Any]) -> None:
    assert found["specs"]["default"] == "lsst"
    assert set(found["specs"]["kernelspecs"]) == {"lsst", "python3"}


def test_every_documented_variable_is_set_in_a_lab(found: dict[str, Any]) -> None:
    names = re.findall(
        r"`([A-Z][A-Z_]+)`", TEXT.split("## Other variables")[1].split("## ")[0].split("\n\n")[1]
    )

    assert {"DAF_BUTLER_CONFIG_PATH", "JUPYTER_PATH"} <= set(names)
    for name in set(names) - {"TZ", "OPENBLAS_CORETYPE"}:
        assert name in found["variables"], name
