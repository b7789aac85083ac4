"""Whatever is in a home, its lab starts; and a reset brings kernels back."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from firstlight_hub.spawner.choices import Choices
from tests.lab_under_test import Lab

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FAILS = "raise SystemExit('broken by the person')\n"
ENDS = "import os; os._exit(3)\n"
SITE = f".local/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"

#: Everything that Python or Jupyter would read, were it not for what we do about it.
BROKEN = {
    f"{SITE}/broken.pth": ENDS,
    f"{SITE}/sitecustomize.py": FAILS,
    f"{SITE}/usercustomize.py": FAILS,
    f"{SITE}/tornado/__init__.py": FAILS,
    f"{SITE}/jupyter_server/__init__.py": FAILS,
    f"{SITE}/jupyterhub/__init__.py": FAILS,
    "jupyterhub.py": FAILS,
    "jupyterlab.py": FAILS,
    "random.py": FAILS,
    "tornado.py": FAILS,
    "jupyter_server_config.py": ENDS,
    ".jupyter/jupyter_config.py": ENDS,
    ".jupyter/jupyter_server_config.py": ENDS,
    ".jupyter/jupyter_server_config.json": "{",
    ".jupyter/jupyter_lab_config.py": FAILS,
    ".jupyter/jupyter_server_config.d/x.json": '{"ServerApp": {"jpserver_extensions": {"no": true}}}',
    ".jupyter/labconfig/page_config.json": "{",
    ".jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings": "{",
    ".local/etc/jupyter/jupyter_server_config.json": "{",
    ".local/share/jupyter/kernels/broken/kernel.json": "{",
    ".local/share/jupyter/kernels/lsst/kernel.json": '{"argv": ["false"], "display_name": "x"}',
    ".local/share/jupyter/labextensions/broken/package.json": "{",
    ".local/share/jupyter/nbsignatures.db": "not a database",
    ".local/bin/python": "#!/bin/false\n",
    ".ipython/profile_default/startup/00.py": FAILS,
    ".bashrc": "exit 3\n",
    ".config/pip/pip.conf": "[\n",
}


def put(lab: Lab, files: dict[str, str]) -> None:
    """Write files to a home from outside, as its owner."""
    owner = lab.home.stat()
    for name, text in files.items():
        path = lab.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    for path in lab.home.rglob("*"):
        if not path.is_symlink():
            os.chown(path, owner.st_uid, owner.st_gid)


def test_a_lab_starts_and_after_a_reset_its_kernels_do_too(make_lab: Callable[[], Lab]) -> None:
    lab = make_lab()
    lab.start()
    lab.stop()
    put(lab, BROKEN)
    lab.start()

    assert lab.get("lab").status_code == 200
    assert lab.get("api/contents").status_code == 200
    specs = lab.get("api/kernelspecs").json()["kernelspecs"]
    for name in ("lsst", "python3"):
        assert "lab-python" in specs[name]["spec"]["argv"][0]

    lab.stop()
    for name in BROKEN:
        if not name.startswith("."):
            (lab.home / name).unlink()  # these are theirs, and no reset touches them
    (lab.home / ".ipython/profile_default/startup/00.py").unlink()
    (lab.home / ".bashrc").unlink()
    lab.start(Choices(reset=".user_env.now"))
    with lab.kernel() as kernel:
        assert kernel.run("import tornado; print(6 * 7)") == "42\n"
        assert "No broken requirements" in kernel.run("%pip check", seconds=120)
    assert (lab.home / ".user_env.now" / SITE / "broken.pth").exists()


def test_a_kernel_of_the_persons_own_is_offered(lab: Lab) -> None:
    with lab.kernel() as kernel:
        kernel.run("!python -m ipykernel install --user --name mine", seconds=120)
    specs = lab.get("api/kernelspecs").json()["kernelspecs"]

    assert set(specs) == {"lsst", "python3", "mine"}
    with lab.kernel("mine") as kernel:
        assert kernel.run("print(6 * 7)") == "42\n"
