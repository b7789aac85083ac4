"""Tutorials in homes: what arrives, what is kept, and what a home cannot do about it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from firstlight_hub.spawner.start_tutorials import MANIFEST, Known, Seed, decide, update

V1, V2, V3, MINE = "v1", "v2", "v3", "mine"


def known(delivered: str = V1, seen: str = V1) -> Known:
    return Known(delivered=delivered, seen=seen, stamp="", beside="", beside_hash="")


@pytest.mark.parametrize(
    ("original", "current", "manifest", "action"),
    [
        # A home that has no manifest yet: new, or from before there were manifests.
        (V1, "", None, "write"),
        (V1, V1, None, "record"),
        (V1, MINE, None, "beside"),
        (V1, "?", None, "beside"),
        # Nothing new: whatever the person did stays.
        (V1, V1, known(), "keep"),
        (V1, MINE, known(), "keep"),
        (V1, "", known(), "keep"),
        # A new version.
        (V2, V1, known(), "write"),
        (V2, V2, known(), "record"),
        (V2, MINE, known(), "beside"),
        (V2, "?", known(), "beside"),
        (V2, "", known(), "record"),
        # One after a version that was put beside: kept, or put in place by the person.
        (V3, MINE, known(V1, V2), "beside"),
        (V3, V2, known(V1, V2), "write"),
    ],
)
def test_what_happens_to_a_tutorial(
    original: str, current: str, manifest: Known | None, action: str
) -> None:
    assert decide(original, current, manifest) == action


@pytest.fixture
def seed(tmp_path: Path) -> Seed:
    (tmp_path / "site" / "more").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    home = tmp_path / "home"
    return Seed(
        source=str(tmp_path / "site"), copy=str(home / "tutorials"), link=str(home / "original")
    )


def publish(seed: Seed, text: str, name: str = "01.ipynb") -> None:
    path = Path(seed["source"]) / name
    version = path.stat().st_mtime_ns + 1 if path.exists() else 1
    path.write_text(text)
    os.utime(path, ns=(version, version))


def mine(seed: Seed, name: str = "01.ipynb") -> Path:
    return Path(seed["copy"]) / name


def contents(seed: Seed) -> dict[str, str]:
    found = Path(seed["copy"])
    return {
        str(path.relative_to(found)): path.read_text()
        for path in sorted(found.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def test_a_new_home_gets_everything_and_a_link(seed: Seed) -> None:
    publish(seed, V1)
    publish(seed, V2, "more/02.ipynb")

    assert update(seed) == []
    assert contents(seed) == {"01.ipynb": V1, "more/02.ipynb": V2}
    assert str(Path(seed["link"]).readlink()) == seed["source"]
    assert mine(seed).stat().st_mode & 0o777 == 0o644


def test_a_new_tutorial_and_a_new_version_arrive(seed: Seed) -> None:
    publish(seed, V1)
    update(seed)
    publish(seed, V2)
    publish(seed, V1, "02.ipynb")

    assert update(seed) == []
    assert contents(seed) == {"01.ipynb": V2, "02.ipynb": V1}


def test_an_edited_one_is_kept_and_the_new_one_lies_beside_it(seed: Seed) -> None:
    publish(seed, V1)
    update(seed)
    mine(seed).write_text(MINE)
    publish(seed, V2)
    (note,) = update(seed)

    assert "tutorials/01.new-version.ipynb" in note
    assert contents(seed) == {"01.ipynb": MINE, "01.new-version.ipynb": V2}
    assert update(seed) == []  # it is told once
    publish(seed, V3)
    assert len(update(seed)) == 1
    assert contents(seed) == {"01.ipynb": MINE, "01.new-version.ipynb": V3}


def test_a_new_version_that_was_edited_is_kept_too(seed: Seed) -> None:
    publish(seed, V1)
    update(seed)
    mine(seed).write_text(MINE)
    publish(seed, V2)
    update(seed)
    mine(seed, "01.new-version.ipynb").write_text("mine too")
    publish(seed, V3)
    update(seed)

    assert contents(seed) == {
        "01.ipynb": MINE,
        "01.new-version-2.ipynb": V3,
        "01.new-version.ipynb": "mine too",
    }


def test_what_a_person_deleted_stays_deleted(seed: Seed) -> None:
    publish(seed, V1)
    publish(seed, V1, "02.ipynb")
    update(seed)
    mine(seed).unlink()
    update(seed)
    publish(seed, V2)
    update(seed)

    assert contents(seed) == {"02.ipynb": V1}


def test_a_person_who_deletes_the_whole_folder_gets_it_again(seed: Seed) -> None:
    publish(seed, V1)
    update(seed)
    for path in Path(seed["copy"]).iterdir():
        path.unlink()
    Path(seed["copy"]).rmdir()
    update(seed)

    assert contents(seed) == {"01.ipynb": V1}


def test_a_home_from_before_there_were_manifests_loses_nothing(seed: Seed) -> None:
    publish(seed, V2)
    publish(seed, V1, "02.ipynb")
    Path(seed["copy"]).mkdir()
    mine(seed).write_text(MINE)
    mine(seed, "02.ipynb").write_text(V1)
    update(seed)

    assert contents(seed) == {"01.ipynb": MINE, "01.new-version.ipynb": V2, "02.ipynb": V1}


def test_nothing_is_read_or_written_when_nothing_changed(seed: Seed) -> None:
    publish(seed, V1)
    update(seed)
    manifest = Path(seed["copy"]) / MANIFEST
    before = manifest.stat()
    # Whoever reads these finds out that they differ.
    (Path(seed["source"]) / "01.ipynb").write_text("xx")
    os.utime(Path(seed["source"]) / "01.ipynb", ns=(1, 1))
    update(seed)

    assert contents(seed) == {"01.ipynb": V1}
    assert manifest.stat().st_mtime_ns == before.st_mtime_ns
    assert manifest.stat().st_ino == before.st_ino


@pytest.mark.parametrize("reached", ["written", "beside"])
def test_an_interrupted_update_is_completed_by_the_next(seed: Seed, reached: str) -> None:
    publish(seed, V1)
    update(seed)
    manifest = Path(seed["copy"]) / MANIFEST
    before = manifest.read_bytes()
    if reached == "beside":
        mine(seed).write_text(MINE)
    publish(seed, V2)
    update(seed)
    complete = contents(seed)
    manifest.write_bytes(before)  # as if it had been killed before the last step
    (Path(seed["copy"]) / ".01.ipynb.part").write_text("half")
    update(seed)
    mine(seed, ".01.ipynb.part").unlink(missing_ok=True)

    assert contents(seed) == complete


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"01.ipynb": 3}', b'{"01.ipynb": {}}', b"\xff"]
)
def test_a_broken_manifest_costs_nobody_a_file(seed: Seed, content: bytes) -> None:
    publish(seed, V1)
    update(seed)
    mine(seed).write_text(MINE)
    (Path(seed["copy"]) / MANIFEST).write_bytes(content)
    update(seed)

    assert contents(seed)["01.ipynb"] == MINE
    assert json.loads((Path(seed["copy"]) / MANIFEST).read_text())


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
@pytest.mark.parametrize("place", ["01.ipynb", MANIFEST, "more", ".02.ipynb.part"])
def test_what_is_in_the_way_is_left_alone(
    seed: Seed, tmp_path: Path, kind: str, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    publish(seed, V1)
    publish(seed, V1, "more/02.ipynb")
    Path(seed["copy"]).mkdir()
    obstacle = Path(seed["copy"]) / place
    if kind == "link":
        obstacle.symlink_to(outside)
    elif kind == "dangling":
        obstacle.symlink_to(tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(obstacle)
    else:
        obstacle.mkdir()
    try:
        update(seed)
    except OSError:
        assert kind == "folder"  # `start_home` tells the person
    if place != MANIFEST:
        assert obstacle.is_symlink() == (kind in {"link", "dangling"})

    assert outside.read_text() == "theirs"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_a_link_is_not_followed(seed: Seed, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    publish(seed, V1)
    Path(seed["copy"]).symlink_to(elsewhere)
    update(seed)

    assert list(elsewhere.iterdir()) == []
