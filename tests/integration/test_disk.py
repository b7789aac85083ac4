"""No room on the state's disk: a real small disk, really full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.lab_client import kernel_in_lab
from tests.platform_under_test import Platform, form_of, free_port, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]


@contextmanager
def small_disk(place: Path, mebibytes: int) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(place)], check=True
    )
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing more fits, and return what was written."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    assert os.statvfs(disk).f_bavail == 0
    return filling


@pytest.mark.parametrize("full", [False, True], ids=["too small", "not a byte free"])
def test_no_room_to_start_is_said_in_a_sentence(tmp_path: Path, *, full: bool) -> None:
    with small_disk(tmp_path / "disk", 20) as disk:
        if full:
            fill(disk)
        there = Platform(disk / "var", port=free_port())
        done = there.cli("up", "--port", str(there.port), check=False, seconds=30)
        assert done.returncode != 0
        assert str(disk) in done.stderr
        assert "--state-dir" in done.stderr
        assert "Traceback" not in done.stderr
        secrets = list((disk / "var" / "secrets").glob("*"))
        assert not secrets, "the start wrote before it looked"


def test_a_disk_that_runs_full_stops_nothing_and_is_said_to_everybody(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 500) as disk:
        config = tmp_path / "platform.yaml"
        config.write_text("site: {contact: help@observatory.example}\n")
        site = Platform(disk / "var", config, demo=True)
        site.log_file = tmp_path / "up.log"
        site.start()
        try:
            ada, mira = site.login("ada-admin"), site.login("mira-member")
            form = ada.get(f"{site.url}/nb/hub/spawn/ada-admin", timeout=60)
            token = site.token("mira-member")
            query = "SELECT TOP 1 objectId FROM dp01_dc2_catalogs.object"
            processes = {part["name"]: part["pid"] for part in site.status()["components"]}
            with kernel_in_lab(site, "mira-member") as kernel:
                filling = fill(disk)
                wait_for(lambda: "is full" in site.output, what="the operator to be told")
                assert "is full" in site.cli("status").stdout
                said = site.cli("link", "--user", "new", check=False)
                assert "is full" in said.stderr
                # The operator's machine says so; so does the site, to people.
                page = site.login("theo-teammate").last
                assert page.status_code == 500
                assert "disk is full" in page.text
                assert "help@observatory.example" in page.text
                target = urljoin(form.url, unescape(form_of(form)[1]))
                start = ada.post(target, data={"size": "small"}, timeout=60)
                assert "disk is full" in start.text
                refused = site.query(query, token)
                assert refused.status_code == 503
                assert "disk is full" in refused.text
                # What runs, runs on.
                assert kernel.run("print(6 * 7)").strip() == "42"
                filling.unlink()
                assert kernel.run("open('saved', 'w').write('x' * 4096); print('ok')") == "ok\n"
            assert site.query(query, token).status_code == 200
            wait_for(lambda: "free disk space again" in site.output, what="the good news")
            assert site.login("mira-member").last.status_code == 200
            assert mira.get(f"{site.url}/nb/hub/home", timeout=30).status_code == 200
            assert {part["name"]: part["pid"] for part in site.status()["components"]} == processes
        finally:
            site.stop()
