"""Kernels as everything in a lab starts them, and the ports that they do not open."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator

import pytest

from tests.simulated import RunInLab

pytestmark = pytest.mark.integration


@pytest.fixture
def run_in_lab(in_lab: RunInLab) -> Iterator[RunInLab]:
    """Return a function that runs a program with a directory for sockets whose path is short."""
    with tempfile.TemporaryDirectory(prefix="fl-", dir="/tmp") as folder:
        yield lambda program: in_lab(program, JUPYTER_RUNTIME_DIR=folder)


_START = """
import os, pathlib, sys
from jupyter_client.manager import KernelManager

manager = KernelManager({arguments})
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
def run(code):
    said = []
    def hear(message):
        said.append(message["content"].get("text", "") or "".join(message["content"].get("traceback", [])))
    client.execute_interactive(code, output_hook=hear, timeout=60)
    return "".join(said).strip()
def ports():
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                inodes.add(f"socket:[{{fields[9]}}]")
    folder = f"/proc/{{manager.provisioner.pid}}/fd"
    links = {{os.readlink(f"{{folder}}/{{name}}") for name in os.listdir(folder)}}
    return len(links & inodes)
"""
_END = "client.stop_channels(); manager.shutdown_kernel(now=True)\n"


def start(arguments: str = "") -> str:
    return _START.format(arguments=arguments)


def test_a_kernel_opens_no_port_and_keeps_its_sockets_private(run_in_lab: RunInLab) -> None:
    said = run_in_lab(
        start() + "folder = pathlib.Path(manager.connection_file).parent\n"
        "print(manager.transport, oct(folder.stat().st_mode & 0o777), ports())\n"
        + _END
        + "print(list(folder.iterdir()))\n"
    )

    assert said.split("\n")[:2] == ["ipc 0o700 0", "[]"]


def test_output_of_child_processes_arrives_without_a_port(run_in_lab: RunInLab) -> None:
    said = run_in_lab(
        start() + "print(run('import multiprocessing as m\\n'\n"
        '    \'p = m.get_context("fork").Process(target=lambda: print("from a child"))\\n\'\n'
        "    'p.start(); p.join()\\n'\n"
        "    '!echo from a shell'))\n"
        "print(ports())\n" + _END
    )

    assert "from a child" in said
    assert "from a shell" in said
    assert said.split()[-1] == "0"


def test_restarting_and_interrupting_keep_working(run_in_lab: RunInLab) -> None:
    said = run_in_lab(
        start() + "manager.restart_kernel(); client.wait_for_ready(timeout=60)\n"
        "print(run('print(6 * 7)'))\n"
        "code = 'import time\\nprint(\"on\", flush=True)\\nwhile True: time.sleep(0.1)'\n"
        "number = client.execute(code)\n"
        "while client.get_iopub_msg(timeout=60)['content'].get('text') != 'on\\n': pass\n"
        "manager.interrupt_kernel()\n"
        "print(client.get_shell_msg(timeout=60)['content']['ename'])\n" + _END
    )

    assert said.split() == ["42", "KeyboardInterrupt"]


def test_connection_information_names_the_sockets(run_in_lab: RunInLab) -> None:
    said = run_in_lab(start() + "print(run('%connect_info'))\n" + _END)
    info = json.loads(said[said.index("{") : said.index("}") + 1])

    assert info["transport"] == "ipc"


def test_the_debugger_is_off_because_it_would_open_a_port(run_in_lab: RunInLab) -> None:
    said = run_in_lab(
        start()
        + "print(client.kernel_info(reply=True, timeout=60)['content']['supported_features'])\n"
        "print(run('import debugpy; print(debugpy.__name__)'))\n"
        "from firstlight_lab.kernels import LabKernelSpecs\n"
        "specs = LabKernelSpecs().get_all_specs()\n"
        "print({'debugger' in one['spec']['metadata'] for one in specs.values()})\n" + _END
    )

    assert "'debugger'" not in said
    assert said.split()[-2:] == ["debugpy", "{False}"]


def test_an_ordinary_ipykernel_opens_no_port_either(run_in_lab: RunInLab) -> None:
    """A person's own environment has its own description of a kernel, without our provisioner."""
    said = run_in_lab(
        "import json, os, pathlib, sys\n"
        "own = pathlib.Path(os.environ['HOME'], 'own/kernels/own')\n"
        "own.mkdir(parents=True, exist_ok=True)\n"
        "(own / 'kernel.json').write_text(json.dumps({'argv': [sys.executable, '-m',\n"
        "    'ipykernel_launcher', '-f', '{connection_file}'], 'display_name': 'own',\n"
        "    'language': 'python', 'metadata': {'debugger': True}}))\n"
        "os.environ['JUPYTER_PATH'] = str(own.parent.parent)\n"
        "from traitlets.config import Config\n"
        "from jupyter_core.application import JupyterApp\n"
        "app = JupyterApp()\n"
        "app.initialize([])\n"
        + start("kernel_name='own', parent=app, config=app.config")
        + "print(manager.transport, ports())\n"
        + _END
    )

    assert said.split() == ["ipc", "0"]


def test_settings_in_the_home_do_not_open_ports_by_accident(run_in_lab: RunInLab) -> None:
    said = run_in_lab(
        "import json, os, pathlib\n"
        "home = pathlib.Path(os.environ['HOME'])\n"
        "(home / '.jupyter').mkdir(exist_ok=True)\n"
        "for name in ('jupyter_config', 'jupyter_server_config'):\n"
        "    (home / '.jupyter' / f'{name}.json').write_text(json.dumps({\n"
        "        'KernelManager': {'transport': 'tcp', 'ip': '127.0.0.1'},\n"
        "        'KernelProvisionerFactory': {'default_provisioner_name': 'local-provisioner'}}))\n"
        "from jupyter_server.serverapp import ServerApp\n"
        "app = ServerApp()\n"
        "app.load_config_file()\n"
        + start("parent=app, config=app.config")
        + "print(manager.transport, ports())\n"
        + _END
    )

    assert said.split() == ["ipc", "0"]


def test_a_path_that_is_too_long_for_a_socket_is_said_at_once(in_lab: RunInLab) -> None:
    said = in_lab(
        "from jupyter_client.manager import start_new_kernel\n"
        "try:\n"
        "    start_new_kernel()\n"
        "except ValueError as error:\n"
        "    print(error)\n",
        JUPYTER_RUNTIME_DIR=f"/tmp/{'n' * 90}",
    )

    assert "Set JUPYTER_RUNTIME_DIR" in said
