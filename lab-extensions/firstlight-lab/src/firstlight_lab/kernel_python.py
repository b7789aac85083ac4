"""Makes a forked process the Python that a kernel asks for, or says why that is impossible.

A forked kernel must not differ from one that was started. So the kernel's own interpreter is asked
what it would be: its search path, with everything that the person installed, and its directories.
Where something of the person's would change what has been imported already, the kernel has to be
started: `why_not` says so.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import locale
import os
import random
import runpy
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypedDict

__all__ = ["Python", "ask", "become", "run", "set_name", "why_not"]


class Python(TypedDict):
    """What an interpreter says about itself: attributes of `sys`, and of `site`."""

    executable: str
    _base_executable: str
    prefix: str
    exec_prefix: str
    base_prefix: str
    base_exec_prefix: str
    path: list[str]
    prefixes: list[str]
    user_base: str
    user_site: str
    user_site_used: bool


_ASK = """
import json, site, sys, sysconfig
names = ("executable", "_base_executable", "prefix", "exec_prefix", "base_prefix",
         "base_exec_prefix", "path")
found = {name: getattr(sys, name) for name in names}
found["prefixes"] = site.PREFIXES
found["user_base"], found["user_site"] = site.USER_BASE or "", site.USER_SITE or ""
found["user_site_used"] = bool(site.ENABLE_USER_SITE)
print(json.dumps(found))
"""
_OF_A_KERNEL = {"JPY_PARENT_PID", "JPY_SESSION_NAME", "JPY_INTERRUPT_EVENT", "PATH"}
"""Variables that Jupyter itself sets for each kernel."""
_CHANGES_IMPORTS = (
    "FORCE_COLOR",
    "FSSPEC_",
    "MATPLOTLIBRC",
    "MPLCONFIGDIR",
    "NO_COLOR",
    "PYDANTIC_",
    "PYTHON",
    "XDG_CONFIG_HOME",
)
"""How the names of variables begin that libraries read when they are imported."""
_SETTINGS = (
    ".config/fsspec",
    ".config/matplotlib/matplotlibrc",
    ".config/matplotlib/stylelib",
    ".fonts",
    ".local/share/fonts",
)
"""What a library which has been imported would have read, below the home."""
_FORGOTTEN = {"bokeh", "panel", "param", "pyviz_comms", "send2trash", "tqdm", "wsgiref"}
"""Packages in pure Python that a lab's server imports, and that look for IPython or for the home
meanwhile."""
_PR_SET_NAME = 15
_HOME = str(Path.home())
"""That of the process which imports what kernels have."""
_INLINE = "module://matplotlib_inline.backend_inline"


def _forget() -> None:
    """Let a kernel import anew what has looked around when the lab's server imported it."""
    for name in list(sys.modules):
        if name.partition(".")[0] in _FORGOTTEN:
            del sys.modules[name]


def ask(python: str, environment: Mapping[str, str]) -> Python:
    """Return what an interpreter says about itself.

    Raises
    ------
    OSError, ValueError, subprocess.SubprocessError
        If it does not run.
    """
    done = subprocess.run(
        [python, "-c", _ASK],
        env=dict(environment),
        capture_output=True,
        check=True,
        timeout=30,
        cwd="/",
    )
    answer: Python = json.loads(done.stdout)
    del answer["path"][0]  # without the current directory
    return answer


def why_not(environment: Mapping[str, str], directory: str, python: Python) -> str:
    """Return why a kernel cannot be forked, or an empty string if it can.

    Parameters
    ----------
    environment, directory
        The kernel's.
    python
        What its interpreter says about itself.
    """
    for name, value in environment.items():
        if name.startswith(_CHANGES_IMPORTS):
            return f"the variable {name} is set"
        if os.environ.get(name) != value and name not in _OF_A_KERNEL:
            return f"the kernel's description sets the variable {name}"
    home = environment.get("HOME", "/")
    for path in (*(f"{home}/{name}" for name in _SETTINGS), f"{directory}/matplotlibrc"):
        if os.path.lexists(path):
            return f"there is {path}"
    for folder in set(python["path"]) - set(sys.path):
        of_platform = folder.startswith(python["prefix"])
        if not of_platform and (reason := _why_not_with(Path(folder))):
            return reason
    return ""


def _why_not_with(folder: Path) -> str:
    """Return whether a directory of the person's changes what has been imported."""
    imported = {name.partition(".")[0] for name in sys.modules}
    try:
        entries = list(folder.iterdir())
    except OSError:
        return ""
    for entry in entries:
        name = entry.name.partition(".")[0]
        if name in imported and not entry.name.endswith((".dist-info", ".egg-info")):
            return f"{entry} replaces a package that is imported already"
        if name in ("sitecustomize", "usercustomize"):
            return f"there is {entry}"
        if entry.suffix == ".pth" and "import" in entry.read_text(errors="replace"):
            return f"{entry} runs code"
        if entry.suffix == ".dist-info" and (entry / "entry_points.txt").exists():
            plugins = (entry / "entry_points.txt").read_text(errors="replace")
            if any(f"[{group}" in plugins for group in ("astropy", "pandas", "matplotlib")):
                return f"{entry.name} extends a package that is imported already"
    return ""


def become(command: list[str], environment: Mapping[str, str], python: Python) -> None:
    """Make this process what a new one of the kernel's interpreter would be."""
    os.environ.clear()
    os.environ.update(environment)
    sys.executable = python["executable"]
    vars(sys)["_base_executable"] = python["_base_executable"]
    sys.prefix, sys.exec_prefix = python["prefix"], python["exec_prefix"]
    # The labs' interpreter finds headers and libraries before it forgets where it comes from, see
    # `firstlight_hub.spawner.interpreter`.
    importlib.reload(sysconfig)
    sys.base_prefix, sys.base_exec_prefix = python["base_prefix"], python["base_exec_prefix"]
    sys.path[:] = [str(Path(command[1]).parent), *python["path"]]
    sys.orig_argv = list(command)
    site.PREFIXES[:] = python["prefixes"]
    site.USER_BASE, site.USER_SITE = python["user_base"], python["user_site"]
    site.ENABLE_USER_SITE = python["user_site_used"]
    importlib.invalidate_caches()
    with suppress(locale.Error):  # Python ignores an unknown one, too
        locale.setlocale(locale.LC_CTYPE, "")
    time.tzset()
    tempfile.tempdir = None
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    set_name(Path(python["executable"]).name)
    _renew_libraries(environment)


def set_name(name: str) -> None:
    """Set the name that ps(1) and top(1) show for this process."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def _renew_libraries(environment: Mapping[str, str]) -> None:
    """Undo what libraries that are imported already have taken from this process."""
    _forget()
    random.seed()
    import numpy as np

    np.random.seed()
    import matplotlib as mpl
    from matplotlib import font_manager, style, texmanager

    for name in ("get_configdir", "get_cachedir"):
        function = getattr(mpl, name)
        setattr(mpl, name, mpl._logged_cached(name, function.__wrapped__))
    texmanager.TexManager._cache_dir = Path(mpl.get_cachedir(), "tex.cache")
    style.USER_LIBRARY_PATHS[:] = [str(Path(mpl.get_configdir(), "stylelib"))]
    for directories in (
        font_manager.X11FontDirectories,
        font_manager.OSXFontDirectories,
        font_manager.MSUserFontDirectories,
    ):
        directories[:] = [name.replace(_HOME, environment["HOME"]) for name in directories]
    font_manager._HOME = Path(environment["HOME"])
    mpl.rcParams["backend"] = environment.get("MPLBACKEND") or _INLINE
    folder = str(Path(environment["HOME"], ".config", "fsspec"))
    vars(sys.modules["fsspec.config"]).update(default_conf_dir=folder, conf_dir=folder)
    import astropy.config.configuration

    astropy.config.configuration._cfgobjs.clear()
    importlib.reload(importlib.import_module("ipykernel.kernelapp"))  # it reads a variable
    import threadpoolctl

    threads = environment.get("OPENBLAS_NUM_THREADS", "")
    if threads.isdigit():
        threadpoolctl.threadpool_limits(int(threads))


def run(command: list[str]) -> NoReturn:
    """Run a program in this process."""
    program, *arguments = command[1:]
    sys.argv = [program, *arguments]
    code = 0
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    sys.exit(code)
