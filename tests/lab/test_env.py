"""The settings of a lab that Jupyter and astropy really read."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
import requests

from firstlight_lab.env import lab_environment
from tests.lab_client import start_lab
from tests.platform_under_test import Platform
from tests.simulated import RunInLab


def test_every_variable_names_a_folder_with_something_in_it() -> None:
    for name, value in lab_environment().items():
        assert any(Path(value).iterdir()), name


def test_astropy_downloads_nothing_and_its_own_tables_will_do(in_lab: RunInLab) -> None:
    said = in_lab(
        "import socket\n"
        "def refuse(*_): raise AssertionError('the network was used')\n"
        "socket.socket.connect = refuse\n"
        "from astropy.time import Time\n"
        "from astropy.utils import iers\n"
        "print(iers.conf.auto_download, Time('2040-07-01').ut1.isot[:4])\n"
    )

    assert said.split() == ["False", "2040"]


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_running_lab_asks_for_no_news_updates_or_extensions(platform: Platform) -> None:
    person = "mira-member"
    platform.login(person)
    start_lab(platform, person)
    made = platform.hub("POST", f"/users/{person}/tokens", json={"expires_in": 600}).json()
    headers = {"Authorization": f"token {made['token']}"}
    lab = f"{platform.lab(person)}/lab"

    page = requests.get(lab, headers=headers, timeout=60).text
    match = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert match
    config = json.loads(html.unescape(match[1]))
    answer = requests.get(f"{lab}/api/settings", headers=headers, timeout=60).json()
    defaults = {
        plugin["id"]: {
            name: value.get("default") for name, value in plugin["schema"]["properties"].items()
        }
        for plugin in answer["settings"]
        if "properties" in plugin["schema"]
    }

    assert config["news"] == {"disabled": True}
    assert not config["extensionManager"]["can_install"]
    assert "@jupyterlab/apputils-extension:announcements" in config["disabledExtensions"]
    notification = defaults["@jupyterlab/apputils-extension:notification"]
    assert (notification["fetchNews"], notification["checkForUpdates"]) == ("false", False)
    assert not defaults["@jupyterlab/extensionmanager-extension:plugin"]["enabled"]
    update = requests.get(f"{lab}/api/update", headers=headers, timeout=60).json()
    assert update == {"notification": None}
