"""The platform of an operator who is not root, also where the tests run as root."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lab_client import Kernel, KernelAddress, address_in_lab
from tests.platform_under_test import Platform

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(ordinary_platform: Platform) -> Platform:
    return ordinary_platform


@pytest.fixture(scope="module")
def address(site: Platform) -> Iterator[KernelAddress]:
    """Start a person's lab, and a kernel in it."""
    site.login("mira-member")
    with address_in_lab(site, "mira-member") as found:
        yield found


@pytest.fixture
def kernel(address: KernelAddress) -> Iterator[Kernel]:
    with address.connected() as running:
        yield running


def test_a_lab_runs_as_the_operator(kernel: Kernel) -> None:
    assert kernel.run("import os; print(os.getuid() != 0, os.path.expanduser('~'))").split() == [
        "True",
        "/home/mira-member",
    ]


def test_a_lab_sees_the_data_and_none_of_the_hubs_files(site: Platform, kernel: Kernel) -> None:
    seen = kernel.run(
        "import os\n"
        f"print(sorted(os.listdir({str(site.state_dir)!r})))\n"
        f"print(os.listdir({str(site.state_dir / 'run')!r}))"
    )
    assert seen.splitlines() == ["['data', 'run']", "['lab-python']"]
    python, images = site.state_dir / "run" / "lab-python", site.state_dir / "data" / "sample"
    said = kernel.run(
        "import pathlib\n"
        f"for folder in {[str(python), str(images / 'butler')]!r}:\n"
        "    for path in pathlib.Path(folder).rglob('*'):\n"
        "        assert not os.access(path, os.W_OK), path\n"
        "print('read-only')"
    )
    assert said.strip() == "read-only"


def test_a_lab_has_catalog_and_images(kernel: Kernel) -> None:
    said = kernel.run(
        "from lsst.rsp import get_tap_service\n"
        "from lsst.daf.butler import Butler\n"
        "query = 'SELECT COUNT(*) AS n FROM dp01_dc2_catalogs.object'\n"
        "print(get_tap_service('tap').search(query)['n'][0] > 1000)\n"
        "butler = Butler('dp01', collections='2.2i/runs/DP0.1')\n"
        "print(butler.get(butler.query_datasets('deepCoadd')[0]).image.array.size > 1000)",
        seconds=120,
    )
    assert said.split() == ["True", "True"]


def test_administrators_are_told_what_is_not_enforced(site: Platform) -> None:
    page = site.login("ada-admin").get(f"{site.url}/nb/hub/admin", timeout=30)
    lines = re.findall(r"<strong>([^<]+)</strong>.*?data-up=\"(\w+)\"", page.text, re.DOTALL)
    assert dict(lines)["Own account"] == "false"
    assert dict(lines)["Private files"] == "true"
