"""The hosts of labs, and the routes of the proxy."""

from __future__ import annotations

import re
from itertools import product

import pytest

from firstlight_common.origins import Origins
from firstlight_hub.components.builtin import HUB
from firstlight_hub.origins import LabHosts, routes
from tests.runtimes import PORTS, runtime_of

HOSTS = LabHosts(Origins("https://data.example.org", "example.org"))
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def host(name: str) -> str:
    return HOSTS(name, "ignored.example", "user")


@pytest.mark.parametrize("name", ["vera", "vera-2", "a", "x" * 63])
def test_a_name_that_is_a_label_is_kept(name: str) -> None:
    assert host(name) == f"{name}.example.org"


@pytest.mark.parametrize(
    "name", ["octo_corp", "Vera", "12345678", "a--b", "-a", "a.b", "é", "x" * 64, "_", "data"]
)
def test_any_other_name_has_a_label_all_the_same(name: str) -> None:
    label = host(name).removesuffix(".example.org")

    assert LABEL.fullmatch(label)
    assert label != name


def test_nobody_has_the_hubs_host() -> None:
    assert host("data") != "data.example.org"


def test_no_two_people_have_one_host() -> None:
    letters = ("a", "A", "-", "_", ".", "1", "é")
    names = {"".join(name) for size in (1, 2, 3, 4) for name in product(letters, repeat=size)}
    # Somebody may choose a name that looks like another's label.
    names |= {host(name).removesuffix(".example.org") for name in names}

    assert len({host(name).lower() for name in names}) == len(names)


def test_with_labs_of_their_own_origin_routes_begin_with_a_host() -> None:
    found = routes(runtime_of(public_url="http://localhost:8000", labs_domain="localhost"))

    assert found["localhost/nb/"] == f"http://127.0.0.1:{PORTS[HUB.name]}"
    assert found["localhost/"] == found["127.0.0.1/"] == f"http://127.0.0.1:{PORTS['portal']}"
    # Programs with a token reach everything at the address of before.
    assert {"127.0.0.1/api/tap/", "127.0.0.1/nb/"} <= set(found)
    assert all(not route.startswith("/") for route in found)


def test_routes_lead_to_the_main_host_and_this_machine_alone() -> None:
    found = routes(
        runtime_of(
            public_url="https://data.example.org:8443", labs_domain="labs.example.net", bind="::1"
        )
    )

    # The proxy reads a host up to its first colon.
    assert {route.partition("/")[0] for route in found} == {
        "data.example.org",
        "127.0.0.1",
        "localhost",
        "[",
    }


def test_without_a_domain_for_labs_routes_are_paths() -> None:
    assert "/api/tap/" in routes(runtime_of())
    assert HUB.path not in routes(runtime_of())
