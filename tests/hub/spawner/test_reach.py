"""Where a lab may connect to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight_hub.spawner.start_reach import (
    INTERNET,
    Destination,
    is_forbidden,
    is_public,
    may_reach,
    parse,
)

ON: list[Destination] = [{"network": INTERNET, "ports": []}]
EVERYTHING: list[Destination] = [
    {"network": "0.0.0.0/0", "ports": []},
    {"network": "::/0", "ports": []},
]


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.251",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b::7f00:1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "ff02::1",
    ],
)
def test_no_setting_opens_the_machine_its_link_or_metadata(text: str) -> None:
    assert is_forbidden(parse(text))
    assert not may_reach(parse(text), 80, ON)
    assert not may_reach(parse(text), 80, EVERYTHING)
    assert not may_reach(parse(text), 80, [{"network": text.partition("%")[0], "ports": []}])


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "240.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:a00:1::1",
        "2001:0:a00:1::1",
        "2001:db8::1",
        "fc00::1",
        "fd12::1",
        "fec0::1",
        "::10.0.0.1",
        "64:ff9b:1::a00:1",
    ],
)
def test_private_networks_are_reached_only_if_they_are_listed(text: str) -> None:
    assert not is_public(parse(text))
    assert not may_reach(parse(text), 80, ON)
    assert may_reach(parse(text), 80, EVERYTHING)


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "100.63.255.255", "172.32.0.1", "2a00::1", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_are_the_internet(text: str) -> None:
    assert may_reach(parse(text), 22, ON)
    assert not may_reach(parse(text), 22, [])


def test_ports_hold_for_their_network_alone() -> None:
    found: list[Destination] = [
        {"network": INTERNET, "ports": [443]},
        {"network": "10.1.0.0/16", "ports": [5432, 80]},
    ]
    assert may_reach(parse("8.8.8.8"), 443, found)
    assert not may_reach(parse("8.8.8.8"), 5432, found)
    assert may_reach(parse("10.1.2.3"), 5432, found)
    assert not may_reach(parse("10.1.2.3"), 443, found)
    assert not may_reach(parse("10.2.2.3"), 5432, found)


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_not_public(address: object) -> None:
    """Its lists differ between versions; ours must never be the wider one."""
    text = str(address)
    if is_public(parse(text)):
        assert parse(text).is_global, text
        assert not ip_address(text).is_loopback
