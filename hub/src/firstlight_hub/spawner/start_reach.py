"""Where a lab may connect to: pure decisions.

`start_child` loads this file by its path: it uses only the standard library and imports nothing of
ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypedDict

__all__ = ["INTERNET", "Address", "Destination", "is_forbidden", "is_public", "may_reach", "parse"]

type Address = IPv4Address | IPv6Address

INTERNET = "internet"
"""Stands for all public addresses in a list of networks."""


class Destination(TypedDict):
    """A network, or ``internet``, and its ports; all of them if there are none."""

    network: str
    ports: list[int]


def _networks(*names: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(name) for name in names)


# Written out, because the lists of the standard library differ between versions of Python.
_FORBIDDEN = _networks(
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "100.100.100.200",  # metadata of Alibaba Cloud
    "168.63.129.16",  # of Azure
    "192.0.0.192",  # of Oracle
    "224.0.0.0/4",
    "255.255.255.255",
    "::/127",
    "fe80::/10",
    "fd00:ec2::254",  # metadata of AWS
    "fd20:ce::254",  # of Google
    "ff00::/8",
)
"""What no setting opens: the machine itself, its link, and the metadata of clouds."""

_NOT_PUBLIC = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "2001::/23",  # Teredo, which contains an IPv4 address, and others
    "2001:db8::/32",
    "2002::/16",  # 6to4, the same
    "3fff::/20",
)
_GLOBAL = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def parse(text: str) -> Address:
    """Return an address; one of IPv6 that a translator maps to IPv4 is that of IPv4."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_forbidden(address: Address) -> bool:
    """Return whether an address is closed to labs, whatever the settings say."""
    return any(address in network for network in _FORBIDDEN)


def is_public(address: Address) -> bool:
    """Return whether an address is one of the internet's, and not of a private network."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL:
        return False
    return not is_forbidden(address) and not any(address in network for network in _NOT_PUBLIC)


def may_reach(address: Address, port: int, destinations: Sequence[Destination]) -> bool:
    """Return whether the settings let a lab connect to an address and a port."""
    if is_forbidden(address):
        return False
    for allowed in destinations:
        if allowed["ports"] and port not in allowed["ports"]:
            continue
        if allowed["network"] == INTERNET:
            if is_public(address):
                return True
        elif address in ip_network(allowed["network"]):
            return True
    return False
