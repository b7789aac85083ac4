"""What people install: it works in kernels and terminals, and never keeps a lab from starting."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from tests.lab_client import Kernel
from tests.lab_under_test import Lab

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def make_wheel(folder: Path, name: str, files: dict[str, str], version: str = "1.0") -> Path:
    """Write a wheel, as a person would find it in a package index."""
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = ""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in files.items():
            archive.writestr(entry, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            record += f"{entry},sha256={digest.rstrip(b'=').decode()},{len(text.encode())}\n"
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return path


def put(kernel: Kernel, files: dict[str, bytes]) -> None:
    """Write files to the home, as its person."""
    content = {name: base64.b64encode(data).decode() for name, data in files.items()}
    kernel.run(
        "import base64, json; from pathlib import Path\n"
        f"for name, data in json.loads({json.dumps(content)!r}).items():\n"
        "    path = Path.home() / name\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        "    path.write_bytes(base64.b64decode(data))\n"
    )


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    script = {
        "hello_sky-1.0.dist-info/entry_points.txt": "[console_scripts]\nhello-sky = hello_sky:main\n"
    }
    make_wheel(folder, "hello_sky", {"hello_sky.py": "def main(): print('hello sky')\n", **script})
    for version in ("99.0", "100.0"):
        code = {"tabulate.py": f"MINE = {version}\n"}
        make_wheel(folder, "tabulate", code, version=version)
    return folder


def put_wheels(kernel: Kernel, wheels: Path) -> None:
    put(kernel, {f"wheels/{path.name}": path.read_bytes() for path in wheels.iterdir()})


def test_what_pip_installs_in_a_notebook_is_there_now_and_at_the_next_start(
    lab: Lab, wheels: Path
) -> None:
    with lab.kernel() as kernel:
        put_wheels(kernel, wheels)
        said = kernel.run("%pip install --no-index --find-links ~/wheels hello_sky", seconds=120)
        assert "Successfully installed hello" in said
    with lab.kernel() as kernel:
        assert kernel.run("import hello_sky; hello_sky.main()") == "hello sky\n"
        assert "/.local/lib/" in kernel.run("print(hello_sky.__file__)")
        assert kernel.run("!hello-sky").strip() == "hello sky"
    lab.stop()
    lab.start()
    with lab.kernel() as kernel:
        assert kernel.run("import hello_sky; hello_sky.main()") == "hello sky\n"


def test_the_first_package_of_a_home_can_be_imported_by_the_kernel_that_installed_it(
    lab: Lab, wheels: Path
) -> None:
    with lab.kernel() as kernel:
        kernel.run("!rm -rf ~/.local/lib")
    with lab.kernel() as kernel:
        put_wheels(kernel, wheels)
        kernel.run("%pip install --no-index --find-links ~/wheels hello_sky", seconds=120)
        assert kernel.run("import hello_sky; hello_sky.main()") == "hello sky\n"


def test_every_pip_is_the_labs_own(lab: Lab, wheels: Path) -> None:
    with lab.kernel() as kernel:
        put_wheels(kernel, wheels)
        python = kernel.run("import sys; print(sys.executable)").strip()
        for pip in ("!pip", "%pip", "!python -m pip", "!pip3", "!bash -i -c 'pip --version' #"):
            said = kernel.run(f"{pip} --version", seconds=120)
            assert "site-packages/pip" in said, pip
            assert "python 3." in said, pip
        assert kernel.run("!python -c 'import sys; print(sys.executable)'").strip() == python
        own = kernel.run(
            "!pip install --user --no-index --find-links ~/wheels hello_sky", seconds=120
        )
        assert "Successfully installed" in own


def test_a_newer_version_of_a_labs_package_can_be_installed_upgraded_and_removed(
    lab: Lab, wheels: Path
) -> None:
    pip = "%pip install --no-index --find-links ~/wheels"
    with lab.kernel() as kernel:
        put_wheels(kernel, wheels)
        said = kernel.run(f"{pip} tabulate==99.0", seconds=120)
        assert "Successfully installed tabulate-99.0" in said
    with lab.kernel() as kernel:
        assert kernel.run("import tabulate; print(tabulate.MINE)") == "99.0\n"
        said = kernel.run(f"{pip} --upgrade tabulate", seconds=120)
        assert "Successfully uninstalled tabulate-99.0" in said
        said = kernel.run("%pip uninstall -y tabulate", seconds=120)
        assert "Successfully uninstalled tabulate-100.0" in said
    with lab.kernel() as kernel:
        assert "MINE" not in kernel.run("import tabulate; print(dir(tabulate))")


def test_a_persons_own_environments_are_left_to_them(lab: Lab) -> None:
    with lab.kernel() as kernel:
        said = kernel.run(
            "!python -m venv --without-pip ~/own && ~/own/bin/python -c "
            "'import sys; print(sys.prefix, [p for p in sys.path if \"site-packages\" in p])'",
            seconds=120,
        )

    assert said.split()[0].endswith("/own")
    assert "/own/lib/" in said.split()[1]
    assert len(said.split()) == 2
