from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from firstlight_hub.settings.model import Labs
from firstlight_hub.spawner.models import Capabilities, Hidden, Shown
from firstlight_hub.spawner.policy import (
    UnknownSizeError,
    choose_size,
    decide_isolation,
    guarantees,
    guarded_paths,
    hidden_directories,
    shown_groups,
    shown_paths,
)

ALL = Capabilities(True, "root", frozenset({"memory", "cpu", "pids"}))
NOTHING = Capabilities(
    False,
    "",
    frozenset(),
    {"namespaces": "the kernel says no", "cgroups": "there are none", "filters": "no filters"},
    filters=False,
    network=False,
)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "small"),
        ({"size": "large"}, "large"),
        ({"size": ["medium"]}, "medium"),
        ({"size": ""}, "small"),
        ({"size": [""]}, None),
        ({"size": "hugE"}, None),
        ({"size": "../../etc"}, None),
    ],
)
def test_a_size_is_one_of_those_offered(options: dict[str, JsonValue], name: str | None) -> None:
    if name is not None:
        assert choose_size(Labs(), options).name == name
        return
    with pytest.raises(UnknownSizeError, match="small, medium, large"):
        choose_size(Labs(), options)


def test_a_mistyped_size_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownSizeError, match="Did you mean large"):
        choose_size(Labs(), {"size": "lareg"})


@pytest.mark.parametrize(
    ("mode", "can", "account", "namespaces", "controllers"),
    [
        ("auto", ALL, True, "root", {"memory", "cpu", "pids"}),
        ("auto", NOTHING, False, "", set()),
        ("off", ALL, True, "", set()),
        ("require", ALL, True, "root", {"memory", "cpu", "pids"}),
    ],
)
def test_a_lab_is_held_to_what_site_and_machine_agree_on(
    mode: str, can: Capabilities, account: bool, namespaces: str, controllers: set[str]
) -> None:
    isolation = decide_isolation(mode, can)

    assert isolation.account is account
    assert isolation.namespaces == namespaces
    assert isolation.controllers == controllers
    assert isolation.missing == ()


def test_a_site_that_requires_isolation_is_told_what_is_missing() -> None:
    missing = decide_isolation("require", NOTHING).missing

    assert missing == (
        "Own account",
        "Private files",
        "Private processes",
        "Private kernels",
        "Own address",
        "No user namespaces",
        "Memory limit",
        "CPU limit",
        "Process limit",
        "Network between labs",
        "Outgoing connections",
    )


def test_what_is_not_enforced_says_why() -> None:
    found = {item.name: item for item in guarantees("auto", NOTHING)}

    assert not any(item.enforced for item in found.values())
    assert found["Private files"].detail == "the kernel says no"
    assert found["Memory limit"].detail == "there are none"
    assert "operator" in found["Own account"].detail


def test_switching_isolation_off_is_said_to_administrators() -> None:
    found = {item.name: item for item in guarantees("off", ALL)}

    assert not found["Private files"].enforced
    assert "spawner.isolation" in found["Private files"].detail
    assert found["Own account"].enforced


def test_all_homes_and_the_platforms_files_are_hidden() -> None:
    hidden = hidden_directories(
        state_dir=Path("/srv/fl"),
        needed=[Path("/root/python/versions/3.13"), Path("/opt/labs")],
        closed={Path("/root")},
        home_of_operator=None,
        memory=8 * 1024**3,
    )
    paths = [entry.path for entry in hidden]

    machines = {"/home", "/run", "/sys/fs/cgroup", "/tmp", "/var/tmp", "/dev/shm"}
    assert {"/srv/fl", "/root", *machines} == set(paths)
    options = {entry.path: entry.options for entry in hidden}
    sizes = [
        options[path].split("size=")[1].split(",")[0] for path in ("/tmp", "/var/tmp", "/dev/shm")
    ]
    assert list(map(int, sizes)) == [2 * 1024**3, 1024**3, 1024**3]


def test_a_lab_sees_its_own_control_groups_where_programs_look_for_limits() -> None:
    first = [f"/sys/fs/cgroup/{name}/firstlight-1/vera" for name in ("memory", "pids")]
    second = ["/sys/fs/cgroup/firstlight-1/vera"]

    assert [entry.target for entry in shown_groups(first)] == [
        "/sys/fs/cgroup/memory",
        "/sys/fs/cgroup/pids",
    ]
    assert shown_groups(second) == (Shown(second[0], "/sys/fs/cgroup"),)


@pytest.mark.parametrize(
    ("can", "allowed", "nested"), [(ALL, False, False), (ALL, True, True), (NOTHING, False, True)]
)
def test_user_namespaces_are_off_unless_the_site_allows_them(
    can: Capabilities, allowed: bool, nested: bool
) -> None:
    for mode in ("auto", "off", "require"):
        assert decide_isolation(mode, can, user_namespaces=allowed).user_namespaces is nested
    found = {item.name: item for item in guarantees("auto", can, user_namespaces=allowed)}
    assert found["No user namespaces"].enforced is not nested


def test_a_site_that_requires_isolation_may_allow_user_namespaces() -> None:
    assert decide_isolation("require", ALL, user_namespaces=True).missing == ()


def test_without_accounts_of_their_own_labs_do_not_see_the_operators_home() -> None:
    hidden = hidden_directories(
        state_dir=Path("/home/op/fl/var"),
        needed=[],
        closed=(),
        home_of_operator=Path("/home/op"),
        memory=1,
    )

    assert "/home/op" in {entry.path for entry in hidden}


def test_what_is_needed_is_shown_again_only_where_it_was_hidden() -> None:
    hidden = [Hidden("/root"), Hidden("/home")]
    home = Shown("/srv/fl/homes/vera", "/home/vera", writable=True)
    shown = shown_paths(hidden, [Path("/root/python/v"), Path("/usr"), Path("/rootless")], [home])

    assert shown == (Shown("/root/python/v", "/root/python/v"), home)


def test_what_the_platform_runs_is_shown_read_only_where_it_is_not_hidden() -> None:
    paths = [Path("/opt/fl"), Path("/home/op/fl"), Path("/opt/fl")]

    assert guarded_paths([Hidden("/home")], paths) == (Shown("/opt/fl", "/opt/fl"),)


def test_labs_use_keys_of_the_kernel_only_with_an_account_of_their_own() -> None:
    root = Capabilities(accounts=True, namespaces="root", controllers=frozenset())
    user = Capabilities(accounts=False, namespaces="user", controllers=frozenset())

    assert decide_isolation("auto", root).keys
    assert not decide_isolation("auto", user).keys
    assert not decide_isolation("auto", user, user_namespaces=True).keys
    assert decide_isolation("auto", replace(user, filters=False)).keys
