from __future__ import annotations

import socket

from firstlight_cli.ports import choose_ports, is_free

NAMES = ("proxy", "hub", "tap")


def test_every_component_gets_a_port_of_its_own() -> None:
    ports = choose_ports(NAMES, {}, taken=8000)
    assert set(ports) == set(NAMES)
    assert len({8000, *ports.values()}) == len(NAMES) + 1


def test_ports_are_kept_while_they_are_free() -> None:
    before = choose_ports(NAMES, {}, taken=8000)
    assert choose_ports(NAMES, before, taken=8000) == before


def test_a_port_that_was_taken_meanwhile_is_replaced() -> None:
    before = choose_ports(NAMES, {}, taken=8000)
    with socket.socket() as other:
        other.bind(("127.0.0.1", before["hub"]))
        other.listen()
        assert not is_free(before["hub"])
        after = choose_ports(NAMES, before, taken=8000)
    assert after["hub"] != before["hub"]
    assert after["tap"] == before["tap"]


def test_the_public_port_is_not_used_twice() -> None:
    before = choose_ports(NAMES, {}, taken=8000)
    assert choose_ports(NAMES, before, taken=before["hub"])["hub"] != before["hub"]
