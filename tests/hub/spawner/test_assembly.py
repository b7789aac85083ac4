from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from firstlight_common.runtime import DataSet
from firstlight_hub.settings.model import Labs, LabSize
from firstlight_hub.spawner.assembly import LabRequest, LabSite, assemble
from firstlight_hub.spawner.choices import Choices
from firstlight_hub.spawner.models import LabInstallation
from firstlight_hub.spawner.policy import Isolation
from tests.runtimes import runtime_of

SITE = LabSite(
    state_dir=Path("/srv/fl"),
    tutorials_dir=Path("/opt/fl/tutorials"),
    runtime=runtime_of(public_url="https://data.example").model_copy(
        update={
            "datasets": (
                DataSet(
                    label="dp01",
                    title="DP0.1",
                    store=Path("/x"),
                    repository=Path("/srv/fl/data/sample/butler"),
                ),
                DataSet(label="dp1", title="DP1", repository=Path("/data/dp1")),
                DataSet(label="tables", title="Tables", store=Path("/y")),
            )
        }
    ),
    installation=LabInstallation(
        Path("/root/labs/bin/python"),
        (Path("/root/labs"),),
        {"DAF_BUTLER_CONFIG_PATH": "/x", "JUPYTER_PATH": "/ours"},
        Path("/srv/fl/run/lab-python"),
    ),
    closed=frozenset({Path("/root")}),
    home_of_operator=Path("/root"),
    passwd="root:x:0:0:root:/root:/bin/bash\nold:x:100007:100007::/nowhere:/bin/sh\n",
    group="root:x:0:\nold:x:100007:\nastro:x:500:vera\n",
)
REQUEST = LabRequest(
    user="vera",
    owner=(100_007, 100_007),
    size=Labs().sizes[1],
    token="the-token",
    hub_variables={"JUPYTERHUB_API_TOKEN": "of-the-hub", "PATH": "/hub/wins"},
    inherited={"LANG": "C", "SECRET": "x", "CONFIGPROXY_AUTH_TOKEN": "y", "OPENBLAS_CORETYPE": "Z"},
    cgroups=("/sys/fs/cgroup/memory/fl/vera",),
)
PRIVATE = Isolation(True, "root", frozenset({"memory", "cpu", "pids"}))
BARE = Isolation(False, "", frozenset())


def test_a_private_lab_has_its_home_where_people_expect_it() -> None:
    spec = assemble(SITE, PRIVATE, REQUEST)

    assert spec.directory == "/home/vera"
    assert spec.environment["HOME"] == "/home/vera"
    home = next(entry for entry in spec.shown if entry.target == "/home/vera")
    assert home.source == "/srv/fl/homes/vera"
    assert home.writable
    assert not any(entry.writable for entry in spec.shown if entry is not home)


def test_a_lab_sees_the_images_and_its_own_programs_and_nothing_else_of_the_platform() -> None:
    spec = assemble(SITE, PRIVATE, REQUEST)

    assert {entry.source for entry in spec.shown} == {
        "/srv/fl/homes/vera",
        "/srv/fl/data/sample/butler",
        "/root/labs",
        "/sys/fs/cgroup/memory/fl/vera",
    }
    assert {"/srv/fl", "/root", "/home"} <= {entry.path for entry in spec.hidden}


def test_the_hubs_environment_is_not_a_labs() -> None:
    environment = assemble(SITE, PRIVATE, REQUEST).environment

    assert "SECRET" not in environment
    assert "CONFIGPROXY_AUTH_TOKEN" not in environment
    assert environment["LANG"] == "C"
    assert environment["OPENBLAS_CORETYPE"] == "Z"
    assert environment["JUPYTERHUB_API_TOKEN"] == "of-the-hub"


def test_a_lab_finds_what_rubins_clients_expect() -> None:
    spec = assemble(SITE, PRIVATE, REQUEST)
    found = json.loads(spec.etc["nublado/discovery/v1.json"].text)

    tap = {"url": "https://data.example/api/tap"}
    assert {label: one["services"] for label, one in found["datasets"].items()} == {
        "dp01": {"tap": tap},
        "dp1": {},
        "tables": {"tap": tap},
    }
    assert found["services"]["ui"] == {
        "nublado": {"url": "https://data.example/nb"},
        "portal": {"url": "https://data.example/portal/app"},
    }
    assert spec.etc["nublado/environment/EXTERNAL_INSTANCE_URL"].text == "https://data.example\n"
    assert spec.etc["nublado/secrets/token"].text == "the-token\n"
    assert spec.etc["nublado/secrets/token"].mode == 0o400
    assert spec.environment["ACCESS_TOKEN"] == "the-token"
    assert spec.environment["EXTERNAL_INSTANCE_URL"] == "https://data.example"
    assert spec.environment["NUBLADO_RUNTIME_MOUNTS_DIR"] == "/etc/nublado"
    assert json.loads(spec.environment["DAF_BUTLER_REPOSITORIES"]) == {
        "dp01": "/srv/fl/data/sample/butler/butler.yaml",
        "dp1": "/data/dp1/butler.yaml",
    }


def test_a_person_has_a_name_in_their_lab() -> None:
    passwd = assemble(SITE, PRIVATE, REQUEST).etc["passwd"].text.splitlines()

    assert passwd == [
        "root:x:0:0:root:/root:/bin/bash",
        "vera:x:100007:100007:vera:/home/vera:/bin/bash",
    ]


def test_a_persons_group_has_a_name_too() -> None:
    group = assemble(SITE, PRIVATE, REQUEST).etc["group"].text.splitlines()

    assert group == ["root:x:0:", "astro:x:500:vera", "vera:x:100007:"]


@pytest.mark.parametrize(("cpu", "whole"), [(0.1, 1), (0.5, 1), (1, 1), (1.9, 1), (2.0, 2), (4, 4)])
def test_programs_are_told_whole_cores(cpu: float, whole: int) -> None:
    size = LabSize(name="x", title="Tiny", cpu=cpu, memory=3 * 512 * 1024**2)
    hub = {"CPU_LIMIT": "0.5", "MEM_LIMIT": "1.0"}
    spec = assemble(SITE, PRIVATE, replace(REQUEST, size=size, hub_variables=hub))

    assert spec.environment["CPU_LIMIT"] == str(whole)
    assert spec.environment["OMP_NUM_THREADS"] == str(whole)
    assert spec.environment["MEM_LIMIT"] == "1610612736"
    assert spec.environment["CONTAINER_SIZE"] == f"Tiny ({float(cpu)} CPU, 1.5GiB RAM)"
    assert spec.etc["nublado/runtime/limits_cpu"].text == f"{whole}\n"


def test_options_reach_the_lab() -> None:
    plain = assemble(SITE, PRIVATE, REQUEST)
    chosen = assemble(SITE, PRIVATE, replace(REQUEST, choices=Choices(".user_env.x", True)))

    assert plain.reset == ""
    assert not {"DEBUG", "RESET_USER_ENV"} & set(plain.environment)
    assert chosen.reset == ".user_env.x"
    assert chosen.environment["DEBUG"] == chosen.environment["RESET_USER_ENV"] == "TRUE"
    assert chosen.command == (*plain.command, "--debug")


def test_a_lab_runs_the_persons_programs_then_its_own_python_then_the_machines() -> None:
    environment = assemble(SITE, PRIVATE, replace(REQUEST, hub_variables={})).environment

    assert environment["PATH"].split(":") == [
        "/home/vera/.local/bin",
        "/srv/fl/run/lab-python/bin",
        "/root/labs/bin",
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
    ]
    assert environment["JUPYTER_PATH"].split(":") == [
        "/srv/fl/run/lab-python/share/jupyter",
        "/ours",
        "/root/labs/share/jupyter",
    ]


def test_without_a_tmp_of_its_own_a_lab_caches_images_in_its_home() -> None:
    shared = assemble(SITE, BARE, REQUEST).environment["DAF_BUTLER_CACHE_DIRECTORY"]

    assert shared == "/srv/fl/homes/vera/.cache/butler"


def test_no_secret_is_in_the_command() -> None:
    command = " ".join(assemble(SITE, PRIVATE, REQUEST).command)

    assert command.startswith("/root/labs/bin/python -I -m jupyterhub.singleuser ")


@pytest.mark.parametrize("name", ["vera", "n" * 39])
def test_sockets_of_kernels_fit_into_an_address_whatever_the_persons_name(name: str) -> None:
    spec = assemble(SITE, PRIVATE, replace(REQUEST, user=name))
    folder = spec.environment["JUPYTER_RUNTIME_DIR"]

    assert folder == spec.runtime
    assert len(f"{folder}/kernel-{uuid.uuid4()}-ipc-99") <= 107


def test_without_a_view_of_its_own_a_lab_has_the_same_things_elsewhere() -> None:
    spec = assemble(SITE, BARE, replace(REQUEST, runtime="/tmp/firstlight-1"))

    assert spec.environment["JUPYTER_RUNTIME_DIR"] == "/tmp/firstlight-1"
    assert spec.runtime == ""
    assert (spec.hidden, spec.shown, spec.etc, spec.account) == ((), (), {}, False)
    assert spec.directory == "/srv/fl/homes/vera"
    assert spec.environment["NUBLADO_RUNTIME_MOUNTS_DIR"] == "/srv/fl/run/nublado/vera"
    assert spec.processes == 0


@pytest.mark.parametrize(("controllers", "limit"), [(("pids",), 0), ((), 512)])
def test_processes_are_counted_by_the_best_means_there_is(
    controllers: tuple[str, ...], limit: int
) -> None:
    spec = assemble(SITE, replace(PRIVATE, controllers=frozenset(controllers)), REQUEST)

    assert spec.processes == limit
