"""A network namespace that nothing leaves but what a relay outside carries (network_namespaces(7)).

`start_child` loads this file by its path: it uses only the standard library and imports nothing of
ours. The messages to the kernel are written by hand for the same reason (netlink(7), decision
record 27); ``ip route show table local`` and ``nft list ruleset`` show in a namespace what they
did.

Notes
-----
The namespace has one interface, loopback. Every address of the world is local to it, and a rule
redirects every TCP connection to one socket, and every DNS query to another; except for what
connects to loopback or to the machine's own addresses, which are the lab's here. The sockets
belong to the relay (`start_relay`), a process outside, which looks up where a connection was going
and makes it there, or not. There is no other interface, so no packet leaves, whatever its addresses
are.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterable

__all__ = [
    "LISTENING",
    "PORT",
    "create_namespace",
    "hand_over",
    "local_route",
    "rules",
    "wait_for_relay",
]

LISTENING = "listening on the lab's port"
"""The step that fails if another program has the port."""
PORT = 1
"""Where the relay listens inside. A lab's own programs cannot use a port below 1024."""
_DNS = 53

type Attribute = tuple[int, bytes | list[Attribute]]


def create_namespace(ports: Iterable[int]) -> list[int]:
    """Move this process to a new network namespace; return what the relay needs of it.

    Parameters
    ----------
    ports
        The ports of loopback that lead out.

    Returns
    -------
    list
        Descriptors: of the namespace, and of the sockets that get what is redirected. They have to
        be closed before the lab's program runs.
    """
    own = own_addresses()
    os.unshare(os.CLONE_NEWNET)
    _raise_loopback()
    families = [socket.AF_INET, socket.AF_INET6] if _has_ipv6() else [socket.AF_INET]
    index = socket.if_nametoindex("lo")
    _send(socket.NETLINK_ROUTE, [local_route(family, index) for family in families])
    _send(_NETLINK_NETFILTER, rules(ports, own))
    found = [os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)]
    for family in families:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as one:
                one.bind(("127.0.0.1" if family == socket.AF_INET else "::1", PORT))
                if kind == socket.SOCK_STREAM:
                    one.listen(256)
                found.append(one.detach())
    return found


def hand_over(channel: socket.socket, ports: Iterable[int]) -> None:
    """Create the namespace, and give the relay what it needs of it."""
    descriptors = create_namespace(ports)
    socket.send_fds(channel, [b"network"], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)


def wait_for_relay(channel: socket.socket) -> None:
    """Return when the relay works.

    Raises
    ------
    OSError
        If it does not.
    """
    with channel:
        problem = channel.recv(4096).decode(errors="replace") or "the relay ended"
    if problem != "ready":
        raise OSError(problem)


def _raise_loopback() -> None:
    up = 1  # IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", up))  # SIOCSIFFLAGS


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as one:
            one.bind(("::1", 0))
    except OSError:  # the kernel has none, or it is turned off
        return False
    return True


# --- messages

_REQUEST, _ACKNOWLEDGE, _CREATE, _APPEND = 0x1, 0x4, 0x400, 0x800
_ERROR = 2


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | flags, 0, 0) + body


def _attributes(*pairs: Attribute) -> bytes:
    found = b""
    for kind, value in pairs:
        nested = 0 if isinstance(value, bytes) else 0x8000
        body = value if isinstance(value, bytes) else _attributes(*value)
        padding = b"\0" * (-len(body) % 4)
        found += struct.pack("=HH", 4 + len(body), kind | nested) + body + padding
    return found


def _send(protocol: int, messages: list[bytes]) -> None:
    """Send messages to the kernel, and raise the first error that it answers."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as kernel:
        kernel.sendto(b"".join(messages), (0, 0))
        waiting = sum(bool(_flags(message) & _ACKNOWLEDGE) for message in messages)
        while waiting > 0:
            answer = kernel.recv(65536)
            while answer:
                length, kind = struct.unpack_from("=IH", answer)
                if kind == _ERROR:
                    (number,) = struct.unpack_from("=i", answer, 16)
                    if number:
                        raise OSError(-number, os.strerror(-number))
                    waiting -= 1
                answer = answer[(length + 3) & ~3 :]


def _flags(message: bytes) -> int:
    flags: int = struct.unpack_from("=H", message, 6)[0]
    return flags


# --- addresses and the route (rtnetlink(7))


def own_addresses() -> list[str]:
    """Return the addresses of this network but loopback and those of a link.

    Notes
    -----
    The machine's name leads to one of them, and programs such as Spark talk to themselves there.
    """
    get_address, dump, new_address, done, header = 22, 0x300, 20, 3, 16
    found = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.sendto(_message(get_address, dump, bytes(8)), (0, 0))
        kind = 0
        while kind not in (done, _ERROR):
            answer = kernel.recv(1 << 18)
            while answer:
                length, kind = struct.unpack_from("=IH", answer)
                if kind == new_address:
                    found.append(_address(answer[header:length]))
                answer = answer[(length + 3) & ~3 :]
    return sorted(address for address in set(found) if address)


def _address(message: bytes) -> str:
    """Return the address that a message of the kernel tells, if the whole world may use it."""
    family, _, _, scope = struct.unpack_from("=4B", message)
    values = {}
    rest = message[8:]
    while rest:
        length, kind = struct.unpack_from("=HH", rest)
        values[kind] = rest[4:length]
        rest = rest[(length + 3) & ~3 :]
    address, local, scope_universe = 1, 2, 0
    value = values.get(local) or values.get(address)
    return socket.inet_ntop(family, value) if value and scope == scope_universe else ""


def local_route(family: int, index: int) -> bytes:
    """Return the message that makes every address of a family local to an interface.

    Notes
    -----
    It is ``ip route add local default dev lo``.
    """
    table_local, static, scope_host, type_local = 255, 4, 254, 2
    body = struct.pack("=8BI", family, 0, 0, 0, table_local, static, scope_host, type_local, 0)
    new_route, outgoing = 24, 4
    body += _attributes((outgoing, struct.pack("=I", index)))
    return _message(new_route, _ACKNOWLEDGE | _CREATE, body)


# --- the rules (linux/netfilter/nf_tables.h)

_NETLINK_NETFILTER = 12
_NFTABLES, _INET = 10, 1
_BATCH_BEGIN, _BATCH_END, _NEW_TABLE, _NEW_CHAIN, _NEW_RULE = 0x10, 0x11, 0, 3, 6
_TABLE, _CHAIN = b"firstlight\0", b"out\0"
_VERDICT, _REGISTER = 0, 1
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2


def rules(ports: Iterable[int], own: Iterable[str] = ()) -> list[bytes]:
    """Return the messages that set a namespace's rules.

    Parameters
    ----------
    ports
        The ports that lead to the relay at any address.
    own
        Addresses that do not lead there at other ports.

    Notes
    -----
    They are, as nft(8) shows them::

        table inet firstlight {
            chain out {
                type nat hook output priority -100; policy accept;
                udp dport 53 redirect to :1
                tcp dport 53 redirect to :1   # and so on for each port
                ip daddr 127.0.0.0/8 accept
                ip6 daddr ::1 accept          # and so on for each of the machine's addresses
                meta l4proto tcp redirect to :1
            }
        }
    """
    tcp, udp = _protocol(socket.IPPROTO_TCP), _protocol(socket.IPPROTO_UDP)
    found = [[*udp, *_to_port(_DNS), *_redirect()]]
    found += [[*tcp, *_to_port(port), *_redirect()] for port in sorted({_DNS, *ports})]
    found.append([*_to_address(socket.AF_INET, b"\x7f"), _accept()])
    for address in ("::1", *own):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        found.append([*_to_address(family, socket.inet_pton(family, address)), _accept()])
    found.append([*tcp, *_redirect()])
    hook: list[Attribute] = [(1, _big(3)), (2, struct.pack(">i", -100))]  # output, dstnat
    return [
        _batch(_BATCH_BEGIN),
        _nft(_NEW_TABLE, 0, (1, _TABLE)),
        _nft(_NEW_CHAIN, 0, (1, _TABLE), (3, _CHAIN), (4, hook), (7, b"nat\0")),
        *(
            _nft(_NEW_RULE, _APPEND, (1, _TABLE), (2, _CHAIN), (4, [(1, part) for part in rule]))
            for rule in found
        ),
        _batch(_BATCH_END),
    ]


def _batch(kind: int) -> bytes:
    return _message(kind, 0, struct.pack("=BB", 0, 0) + struct.pack(">H", _NFTABLES))


def _nft(command: int, flags: int, *attributes: Attribute) -> bytes:
    body = struct.pack("=BBH", _INET, 0, 0) + _attributes(*attributes)
    return _message(_NFTABLES << 8 | command, flags | _ACKNOWLEDGE | _CREATE, body)


type Expression = list[Attribute]


def _expression(name: str, *data: Attribute) -> Expression:
    return [(1, name.encode() + b"\0"), (2, list(data))]


def _big(number: int) -> bytes:
    return struct.pack(">I", number)


def _equals(value: bytes) -> Expression:
    return _expression("cmp", (1, _big(_REGISTER)), (2, _big(0)), (3, [(1, value)]))


def _meta(key: int, value: int) -> list[Expression]:
    return [_expression("meta", (1, _big(_REGISTER)), (2, _big(key))), _equals(bytes([value]))]


def _family(family: int) -> list[Expression]:
    return _meta(15, 2 if family == socket.AF_INET else 10)


def _protocol(number: int) -> list[Expression]:
    return _meta(16, number)


def _payload(base: int, offset: int, value: bytes) -> list[Expression]:
    where: list[Attribute] = [(2, _big(base)), (3, _big(offset)), (4, _big(len(value)))]
    return [_expression("payload", (1, _big(_REGISTER)), *where), _equals(value)]


def _to_address(family: int, value: bytes) -> list[Expression]:
    """Return the comparison of a destination with an address, or the beginning of one."""
    offset = 16 if family == socket.AF_INET else 24
    return [*_family(family), *_payload(_NETWORK_HEADER, offset, value)]


def _to_port(port: int) -> list[Expression]:
    return _payload(_TRANSPORT_HEADER, 2, struct.pack(">H", port))


def _accept() -> Expression:
    return _expression("immediate", (1, _big(_VERDICT)), (2, [(2, [(1, _big(1))])]))


def _redirect() -> list[Expression]:
    value: list[Attribute] = [(1, struct.pack(">H", PORT))]
    load = _expression("immediate", (1, _big(_REGISTER)), (2, value))
    return [load, _expression("redir", (1, _big(_REGISTER)))]
