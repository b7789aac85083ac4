"""A kernel that was forked does not differ from one that was started."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from firstlight_hub.spawner import processes
from tests.lab_client import Kernel
from tests.lab_under_test import PERSON, Lab
from tests.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

#: What a program can find out about its process, apart from numbers that differ between any two.
LOOK = """
import json, locale, multiprocessing, os, resource, signal, site, sys, sysconfig, tempfile, time
import matplotlib.pyplot, pyviz_comms
matplotlib.pyplot.close(matplotlib.pyplot.figure())
import astropy.config, matplotlib, numpy, pandas, threadpoolctl
found = {
    "sys.path": sys.path, "sys.flags": list(sys.flags), "sys.argv": sys.argv[:1],
    "sys.orig_argv": sys.orig_argv[:2], "executable": sys.executable,
    "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix],
    "_base_executable": sys._base_executable, "warnoptions": sys.warnoptions,
    "sysconfig": sysconfig.get_paths(), "site": [site.PREFIXES, site.getusersitepackages(),
    site.ENABLE_USER_SITE], "encodings": [sys.getfilesystemencoding(), locale.getlocale(),
    sys.stdout.encoding], "environment": {name: value for name, value in os.environ.items()
    if name not in ("JPY_PARENT_PID", "JPY_SESSION_NAME")}, "cwd": os.getcwd(),
    "umask": [os.umask(0o22), os.umask(0o22)][1], "tempdir": tempfile.gettempdir(),
    "timezone": time.tzname, "signals": {number.name: str(signal.getsignal(number)).split(" at ")[0]
    for number in signal.valid_signals() if isinstance(number, signal.Signals)},
    "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource)
    if name.startswith("RLIMIT")}, "start method": multiprocessing.get_start_method(),
    "leader": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "display": [sorted(f.__qualname__ for f in get_ipython().events.callbacks["post_execute"]),
    {name: repr(pandas.get_option(name)) for name in ("display.max_columns", "display.width",
    "display.max_rows", "display.notebook_repr_html")}, pyviz_comms._in_ipython,
    sorted(f"{key}: {value}" for key, value in matplotlib.rcParams.items())],
    "builtins": sorted(set(dir(__builtins__)) ^ set(dir(object))),
    "backend": matplotlib.get_backend(), "matplotlib": [matplotlib.get_configdir(),
    matplotlib.get_cachedir(), matplotlib.matplotlib_fname()],
    "astropy": astropy.config.get_config_dir(), "versions": [numpy.__version__, pandas.__version__],
    "threads": sorted((pool["user_api"], pool["num_threads"])
    for pool in threadpoolctl.threadpool_info()), "main": __name__,
    "name": open("/proc/self/comm").read(), "dumpable": os.stat("/proc/self/fd").st_uid == os.getuid(),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd") if int(name) < 3),
    "oom": open("/proc/self/oom_score_adj").read(), "groups": [os.getgroups(), os.getresuid()],
    "status": [line for line in open("/proc/self/status") if line.startswith(("Cap", "NoNew", "Secc"))],
}
print(json.dumps(found))
"""

IS_FORKED = "import os; print(open(f'/proc/{os.getppid()}/comm').read().strip())"


def look(kernel: Kernel) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kernel.run(LOOK))
    return found


def start_another_way(lab: Lab) -> None:
    """Start a lab's server without the fork server, in the same home."""
    lab.stop()
    lab.forks = None
    lab.start()


def is_forked(kernel: Kernel) -> bool:
    return kernel.run(IS_FORKED).strip() == "kernel-forks"


def test_a_program_sees_no_difference(lab: Lab) -> None:
    with lab.kernel() as kernel:
        assert is_forked(kernel)
        one = look(kernel)
    start_another_way(lab)
    with lab.kernel() as kernel:
        assert not is_forked(kernel)
        other = look(kernel)
    for found in (one, other):  # what tells two labs of one person apart
        for name in ("JUPYTERHUB_SERVICE_URL",):
            found["environment"].pop(name)
    assert {n: (v, other[n]) for n, v in one.items() if other[n] != v} == {}
    assert one == other


#: Names of variables of modules and classes that contain a word.
FIND = """
import sys, traitlets
from pathlib import Path
for name, module in list(sys.modules.items()):
    places = [(name, dict(getattr(module, "__dict__", {{}})))]
    places += [(f"{{name}}.{{key}}", dict(vars(value))) for key, value in places[0][1].items()
               if isinstance(value, type)]
    for place, variables in places:
        for key, value in variables.items():
            if isinstance(value, traitlets.TraitType):
                value = value.default_value
            plain = isinstance(value, (str, bytes, list, tuple, dict, set, Path))
            if plain and name != "__main__" and {word!r} in repr(value)[:500_000]:
                print(place, key)
"""


def test_nothing_remembers_the_home_of_what_it_was_forked_from(lab: Lab, forks: Path) -> None:
    with lab.kernel() as kernel:
        assert is_forked(kernel)
        found = kernel.run(FIND.format(word=str(forks.parent.parent)))
    # The first is what had to be replaced, and the second is this test's own code.
    known = {"firstlight_lab.kernel_python _HOME", "linecache cache"}
    assert set(found.splitlines()) <= known


def test_the_server_keeps_its_settings_in_the_persons_home(lab: Lab) -> None:
    answer = lab.put("lab/api/workspaces/lab", {"data": {}, "metadata": {"id": "lab"}})
    assert answer.ok, answer.text
    assert list((lab.home / ".jupyter" / "lab" / "workspaces").iterdir())


def test_two_kernels_have_random_numbers_and_names_of_their_own(lab: Lab) -> None:
    code = (
        "import random, tempfile, uuid, numpy; print(random.random(), numpy.random.rand(),"
        "numpy.random.default_rng().random(), uuid.uuid4(), tempfile.mktemp())"
    )
    with lab.kernel() as first, lab.kernel() as second:
        assert is_forked(first)
        assert is_forked(second)
        numbers = first.run(code).split(), second.run(code).split()
    assert not set(numbers[0]) & set(numbers[1])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works(lab: Lab, method: str) -> None:
    with lab.kernel() as kernel:
        assert is_forked(kernel)
        said = kernel.run(
            "import multiprocessing, math\n"
            f"with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
            "    print(pool.map(math.sqrt, [4, 9]))"
        )
    assert said.strip() == "[2.0, 3.0]"


def test_plots_are_inline_and_threads_of_libraries_work(lab: Lab) -> None:
    with lab.kernel() as kernel:
        said = kernel.run(
            "import matplotlib.pyplot as plt, numpy as np, pyarrow as pa, pyarrow.compute as pc\n"
            "a = np.random.rand(600, 600); b = a @ np.linalg.inv(a)\n"
            "print(round(float(np.trace(b))), pc.sum(pa.array(range(100_000))).as_py(),\n"
            "      plt.get_backend())"
        )
    assert said.split() == ["600", "4999950000", "module://matplotlib_inline.backend_inline"]


@pytest.mark.parametrize(
    ("path", "text", "code", "answer"),
    [
        (
            ".local/lib/python{version}/site-packages/pandas/__init__.py",
            "__version__ = 'mine'",
            "import pandas; print(pandas.__version__)",
            "mine",
        ),
        (
            ".local/lib/python{version}/site-packages/usercustomize.py",
            "import builtins; builtins.mine = 'mine'",
            "print(mine)",
            "mine",
        ),
        (
            ".local/lib/python{version}/site-packages/own.pth",
            "import builtins; builtins.mine = 'mine'",
            "print(mine)",
            "mine",
        ),
        (
            ".config/fsspec/conf.json",
            '{"s3": {"anon": true}}',
            "import fsspec; print(fsspec.config.conf['s3'])",
            "{'anon': True}",
        ),
        (
            ".config/matplotlib/matplotlibrc",
            "lines.linewidth: 7.0",
            "import matplotlib; print(matplotlib.rcParams['lines.linewidth'])",
            "7.0",
        ),
        (
            "matplotlibrc",
            "lines.linewidth: 8.0",
            "import matplotlib; print(matplotlib.rcParams['lines.linewidth'])",
            "8.0",
        ),
    ],
)
def test_what_a_person_has_changed_counts_so_the_kernel_is_started(
    lab: Lab, path: str, text: str, code: str, answer: str
) -> None:
    with lab.kernel() as kernel:
        version = kernel.run("import sys; print('%d.%d' % sys.version_info[:2])").strip()
        place = path.format(version=version)
        kernel.run(
            f"from pathlib import Path; p = Path.home() / {place!r};"
            f"p.parent.mkdir(parents=True, exist_ok=True); p.write_text({text!r})"
        )
    with lab.kernel() as kernel:
        assert not is_forked(kernel)
        assert kernel.run(code).strip() == answer


def test_a_kernel_whose_description_sets_a_variable_is_started(lab: Lab) -> None:
    with lab.kernel() as kernel:
        kernel.run(
            "import json, sys; from pathlib import Path\n"
            "folder = Path.home() / '.local/share/jupyter/kernels/mine'\n"
            "folder.mkdir(parents=True)\n"
            "argv = [sys.executable, '-m', 'ipykernel_launcher', '-f', '{connection_file}']\n"
            "kernel = {'argv': argv, 'display_name': 'Mine', 'language': 'python',\n"
            "          'env': {'PANDAS_COPY_ON_WRITE': 'warn', 'COLOUR': 'blue'}}\n"
            "(folder / 'kernel.json').write_text(json.dumps(kernel))"
        )
    with lab.kernel("mine") as kernel:
        assert not is_forked(kernel)
        assert kernel.run("import os; print(os.environ['COLOUR'])").strip() == "blue"


def test_the_servers_cookies_are_for_the_lab_alone(lab: Lab) -> None:
    answer = requests.get(lab.url + "lab", allow_redirects=False, timeout=60)
    assert answer.is_redirect
    assert {cookie.path for cookie in answer.cookies} <= {f"/user/{PERSON}/"}
    assert answer.cookies


def test_a_package_that_replaces_nothing_is_there_in_a_forked_kernel(lab: Lab) -> None:
    with lab.kernel() as kernel:
        kernel.run(
            "import site; from pathlib import Path; folder = Path(site.getusersitepackages());"
            "folder.mkdir(parents=True, exist_ok=True);"
            "(folder / 'of_mine.py').write_text('here = True')"
        )
    with lab.kernel() as kernel:
        assert is_forked(kernel)
        assert kernel.run("import of_mine; print(of_mine.here)").strip() == "True"


def test_kernels_end_when_their_server_is_killed(lab: Lab) -> None:
    with suppress(requests.ConnectionError), lab.kernel() as kernel:
        assert is_forked(kernel)
        assert lab.process is not None
        family = processes.family(lab.process.pid, ())
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in family}
        assert "kernel-forks" in names.values()
        (server,) = (pid for pid, name in names.items() if name == "jupyterhub-sing")
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: not any(map(is_running, family)), what="all processes of the lab to end")


def is_running(pid: int) -> bool:
    return processes.is_alive(pid, processes.start_ticks(pid))
