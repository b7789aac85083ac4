"""The filter of a lab's system calls (seccomp(2)): a pure function.

`start_child` loads this file by its path: it uses only the standard library and imports nothing of
ours. The filter is a program of a dozen instructions, written by hand because every library for it
needs a package outside the standard library (decision record 17).
"""

from __future__ import annotations

import errno
import os
import struct

__all__ = ["program"]

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_CALLS = {
    # machine: architecture of linux/audit.h, then the numbers of clone, unshare, setns, clone3
    "x86_64": (0xC000003E, 56, 272, 308, 435),
    "aarch64": (0xC00000B7, 220, 97, 268, 435),
}
_KEY_CALLS = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}
"""The numbers of add_key, request_key and keyctl."""
_X32 = 0x40000000  # system calls of x86-64's second interface have this bit


def program(machine: str, *, namespaces: bool, keys: bool) -> bytes:
    """Return the filter's instructions, of 8 bytes each.

    Parameters
    ----------
    machine
        The processor, as uname(2) calls it.
    namespaces
        Whether user namespaces may be created or entered.
    keys
        Whether keys in the kernel may be used.

    Raises
    ------
    OSError
        If the numbers of system calls are unknown.

    Notes
    -----
    Inside a user namespace a process has all privileges, which opens parts of the kernel to it
    that no unprivileged process reaches otherwise. A filter cannot read the structure that
    clone3(2) gets, so that call does not exist for a lab, and the C library uses clone(2) instead.

    Every process of an account can add the account's keyring to its own and then read all keys in
    it (keyrings(7)), whatever its namespaces. So labs that share an account use no keys.

    The other interfaces of the processor, such as 32-bit programs, would have other numbers: they
    do not exist either.
    """
    if machine not in _CALLS:
        raise OSError(f"the numbers of system calls are unknown for {machine}")
    architecture, clone, unshare, setns, clone3 = _CALLS[machine]
    checks = [
        # (operation, operand, where to go on if true, if false; if empty, at the next one)
        (_LOAD, _ARCHITECTURE, "", ""),
        (_IF_EQUAL, architecture, "", "missing"),
        (_LOAD, _NUMBER, "", ""),
        (_IF_AT_LEAST, _X32, "missing", ""),
    ]
    if not keys:
        checks += [(_IF_EQUAL, number, "denied", "") for number in _KEY_CALLS[machine]]
    if not namespaces:
        checks += [
            (_IF_EQUAL, clone3, "missing", ""),
            (_IF_EQUAL, setns, "denied", ""),
            (_IF_EQUAL, clone, "flags", ""),
            (_IF_EQUAL, unshare, "", "allowed"),
            (_LOAD, _FIRST_ARGUMENT, "", ""),  # the flags
            (_IF_ANY_BIT, os.CLONE_NEWUSER, "denied", "allowed"),
        ]
    end = len(checks)
    ends = {"flags": end - 2, "allowed": end, "missing": end + 1, "denied": end + 2}
    code = b""
    for number, (operation, operand, *ways) in enumerate(checks):
        yes, no = (ends[way] - number - 1 if way else 0 for way in ways)
        code += struct.pack("=HBBI", operation, yes, no, operand)
    for answer in (_ALLOW, _ERRNO | errno.ENOSYS, _ERRNO | errno.EPERM):
        code += struct.pack("=HBBI", _RETURN, 0, 0, answer)
    return code
