"""What a person's code finds in a lab, and what it cannot reach: asked by code in a real kernel."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.lab_client import Kernel, KernelAddress, address_in_lab, kernel_in_lab, start_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PRIVATE = "Private files"


@pytest.fixture(scope="module")
def address(platform: Platform) -> Iterator[KernelAddress]:
    for person in ("mira-member", "theo-teammate"):
        platform.login(person)
        start_lab(platform, person)
    with address_in_lab(platform, "mira-member") as found:
        yield found


@pytest.fixture
def kernel(address: KernelAddress) -> Iterator[Kernel]:
    with address.connected() as running:
        yield running


@pytest.fixture(scope="module")
def private(platform: Platform) -> None:
    """Skip where this machine gives labs no view of their own."""
    enforced = {item["name"]: item["enforced"] for item in platform.status()["isolation"]}
    if not enforced[PRIVATE]:
        pytest.skip("this machine cannot give labs a private view")


def test_a_lab_has_what_rubins_clients_look_for(platform: Platform, kernel: Kernel) -> None:
    said = kernel.run(
        "import os, json; from pathlib import Path\n"
        "from lsst.rsp import RSPDiscovery, get_tap_service\n"
        "mounts = Path(os.environ['NUBLADO_RUNTIME_MOUNTS_DIR'])\n"
        "print(os.environ['EXTERNAL_INSTANCE_URL'])\n"
        "print((mounts / 'environment' / 'EXTERNAL_INSTANCE_URL').read_text().strip())\n"
        "print((mounts / 'secrets' / 'token').read_text().strip() == os.environ['ACCESS_TOKEN'])\n"
        "print(get_tap_service('tap').baseurl)\n"
    )

    assert said.split() == [platform.url, platform.url, "True", f"{platform.url}/api/tap"]


def test_service_discovery_leads_to_the_catalogs(
    platform: Platform, kernel: Kernel, private: None
) -> None:
    said = kernel.run(
        "from lsst.rsp import RSPDiscovery\n"
        "print(RSPDiscovery.list_datasets())\n"
        "tap = RSPDiscovery('dp01').get_tap_client()\n"
        "print(len(tap.search('SELECT TOP 3 objectId FROM dp01_dc2_catalogs.object')))\n"
    )

    assert said.split() == ["['dp01']", "3"]


def test_the_butler_reads_in_a_lab_and_cannot_write(kernel: Kernel) -> None:
    said = kernel.run(
        "from lsst.daf.butler import Butler\n"
        "butler = Butler('dp01', collections='2.2i/runs/DP0.1')\n"
        "refs = butler.query_datasets('deepCoadd')\n"
        "print(len(refs), butler.get(refs[0]).image.array.shape[0] > 100)\n"
        "try:\n"
        "    Butler('dp01', writeable=True).collections.register('u/mine')\n"
        "except Exception as error:\n"
        "    print('refused')\n"
    )

    patches, bands = 4, 6
    assert said.split() == [str(patches * bands), "True", "refused"]


def test_the_butler_copies_the_files_of_images_into_a_home(kernel: Kernel) -> None:
    said = kernel.run(
        "from lsst.daf.butler import Butler\n"
        "import os, zipfile; from pathlib import Path\n"
        "butler = Butler('dp01', collections='2.2i/runs/DP0.1')\n"
        "refs = butler.query_datasets('deepCoadd')[:2]\n"
        "print(butler.stored(refs[0]), set(butler.stored_many(refs).values()))\n"
        "sources = sorted(butler.getURI(ref).read() for ref in refs)\n"
        "copies = butler.retrieveArtifacts(refs, str(Path.home() / 'copies') + '/')\n"
        "print(sorted(copy.read() for copy in copies) == sources)\n"
        "packed = butler.retrieve_artifacts_zip(refs, str(Path.home() / 'packed') + '/')\n"
        "with zipfile.ZipFile(packed.ospath) as file:\n"
        "    names = [name for name in file.namelist() if name.endswith('.fits')]\n"
        "    print(sorted(map(file.read, names)) == sources, os.environ['CPU_LIMIT'])\n"
    )

    assert said.split() == ["True", "{True}", "True", "True", "1"]


def test_the_images_themselves_are_not_a_labs_to_change(kernel: Kernel) -> None:
    said = kernel.run(
        "import json, os; from pathlib import Path\n"
        "root = Path(json.loads(os.environ['DAF_BUTLER_REPOSITORIES'])['dp01']).parent\n"
        "for path in [root / 'gen3.sqlite3', next(root.rglob('*.fits')), root / 'new']:\n"
        "    try:\n"
        "        path.open('ab')\n"
        "    except OSError as error:\n"
        "        print(type(error).__name__)\n"
    )

    assert len(said.split()) == 3


def test_a_lab_sees_no_other_home_and_none_of_the_platforms_files(
    platform: Platform, kernel: Kernel, private: None
) -> None:
    said = kernel.run(
        "import os\n"
        f"print(sorted(os.listdir({str(platform.state_dir)!r})))\n"
        f"print(os.listdir({str(platform.state_dir / 'run')!r}))\n"
        "print(os.listdir('/home'), os.path.expanduser('~'))\n"
        "print(len([name for name in os.listdir('/proc') if name.isdigit()]) < 20)\n"
    )

    assert said.splitlines() == [
        "['data', 'run']",
        "['lab-python']",
        "['mira-member'] /home/mira-member",
        "True",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives labs accounts of their own")
def test_a_lab_runs_under_a_number_of_its_own(platform: Platform, kernel: Kernel) -> None:
    numbers = {
        Path(f"/proc/{child}").stat().st_uid
        for record in (platform.state_dir / "run" / "labs").glob("*.json")
        for child in [
            deepest_child(int(requests.compat.json.loads(record.read_text())["place"]["pid"]))
        ]
    }
    said = kernel.run("import os; print(os.getuid(), os.getgroups())")

    assert int(said.split()[0]) >= 100_000
    assert int(said.split()[0]) in numbers
    assert len(numbers) == len(list((platform.state_dir / "run" / "labs").glob("*.json")))


def deepest_child(pid: int) -> int:
    """Follow the two outer processes of a lab down to the lab itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return deepest_child(int(children[0])) if children else pid


def test_a_labs_environment_has_no_secret_of_the_platform(
    platform: Platform, kernel: Kernel
) -> None:
    said = kernel.run("import os; print(dict(os.environ))")

    for path in (platform.state_dir / "secrets").iterdir():
        assert path.read_text().strip() not in said, path.name


def test_a_labs_token_opens_the_data_and_not_the_hub(kernel: Kernel) -> None:
    said = kernel.run(
        "import os, urllib.request, urllib.error\n"
        "base, token = os.environ['EXTERNAL_INSTANCE_URL'], os.environ['ACCESS_TOKEN']\n"
        "for path, method in (('/api/tap/tables', 'GET'), ('/api/butler/repo/dp01/', 'GET'),\n"
        "    ('/nb/hub/api/users/mira-member/server', 'DELETE'),\n"
        "    ('/nb/hub/api/users/mira-member/tokens', 'GET'), ('/nb/hub/api/users', 'GET')):\n"
        "    headers = {'Authorization': 'Bearer ' + token}\n"
        "    request = urllib.request.Request(base + path, method=method, headers=headers)\n"
        "    try:\n"
        "        print(urllib.request.urlopen(request).status)\n"
        "    except urllib.error.HTTPError as error:\n"
        "        print(error.code)\n"
    )

    answers = [int(word) for word in said.split()]
    assert answers[:2] == [200, 200]
    assert set(answers[2:]) <= {403, 404}


def test_a_new_home_has_the_tutorials_and_their_originals(
    platform: Platform, kernel: Kernel
) -> None:
    said = kernel.run(
        "from pathlib import Path\n"
        "home = Path.home()\n"
        "copy = home / 'tutorials' / '01-first-light.ipynb'\n"
        "original = home / 'tutorials-original' / '01-first-light.ipynb'\n"
        "print(copy.read_text() == original.read_text())\n"
        "copy.open('r+')\n"
        "try:\n"
        "    original.open('r+')\n"
        "except OSError:\n"
        "    print('read-only')\n"
    )
    home = platform.state_dir / "homes" / "mira-member"

    assert said.split() == ["True", "read-only"]
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="limits need root")
def test_code_that_wants_more_memory_than_its_lab_has_ends_alone(platform: Platform) -> None:
    enforced = {item["name"]: item["enforced"] for item in platform.status()["isolation"]}
    if not enforced["Memory limit"]:
        pytest.skip("this machine does not let us limit memory")
    with kernel_in_lab(platform, "mira-member") as greedy:
        with pytest.raises((AssertionError, TimeoutError)):
            greedy.run("x = bytearray(3 * 1024**3); x[::4096] = b'1' * len(x[::4096])", seconds=25)
        with kernel_in_lab(platform, "mira-member") as other:
            assert other.run("print(6 * 7)").strip() == "42"


def test_a_hub_that_is_killed_drops_no_connection_to_a_kernel(
    platform: Platform, kernel: Kernel
) -> None:
    kernel.run("x = 42")
    old = platform.pid_of("hub")
    os.kill(old, signal.SIGKILL)
    assert kernel.run("print(x)").strip() == "42"
    wait_for(
        lambda: any(
            part["name"] == "hub" and part["healthy"] and part["pid"] != old
            for part in platform.status()["components"]
        ),
        seconds=60,
        what="the hub",
    )
    assert kernel.run("print(x)").strip() == "42"


def test_a_lab_that_does_not_start_says_what_to_do(tmp_path: Path, labs_python: Path) -> None:
    """A labs' environment whose JupyterLab is broken."""
    broken = tmp_path / "labs" / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.write_text(
        '#!/bin/sh\ncase "$*" in *singleuser*) echo "ModuleNotFoundError: jupyterlab" >&2; exit 3;;\n'
        f'esac\nexec {labs_python} "$@"\n'
    )
    broken.chmod(0o755)
    config = tmp_path / "platform.yaml"
    config.write_text(
        "site: {contact: help@observatory.example}\n"
        "services: {tap: {enabled: false}, butler: {enabled: false}}\n"
    )
    site = Platform(
        tmp_path / "var", config, demo=True, environment={"FIRSTLIGHT_LABS_PYTHON": str(broken)}
    )
    site.start()
    try:
        for person in ("mira-member", "ada-admin"):
            session = site.login(person)
            page = session.get(f"{site.url}/nb/hub/spawn", timeout=30)
            assert 'id="size-small"' in page.text
            site.hub("POST", f"/users/{person}/server", json={"size": "small"})
            pending = f"{site.url}/nb/hub/spawn-pending/{person}"
            wait_for(
                lambda: "ended at once" in session.get(pending, timeout=60).text,  # noqa: B023
                what="the failure to be shown",
            )
            shown = session.get(pending, timeout=60).text
            assert "help@observatory.example" in shown
            assert "Traceback" not in shown
            assert ("ModuleNotFoundError" in shown) == (person == "ada-admin")
        # An administrator sees the reason on other people's pages too.
        shown = session.get(f"{site.url}/nb/hub/spawn-pending/mira-member", timeout=60).text
        assert "ModuleNotFoundError" in shown
        assert "ModuleNotFoundError" in site.cli("logs", "lab/mira-member").stdout
        assert not list((site.state_dir / "run" / "labs").glob("*.json"))
    finally:
        site.stop()
