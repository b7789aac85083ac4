"""The filter of system calls: which it refuses, on each machine."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from firstlight_hub.spawner.start_filter import program

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CALLS = {
    "x86_64": {"clone": 56, "unshare": 272, "setns": 308, "clone3": 435, "keyctl": 250, "read": 0},
    "aarch64": {
        "clone": 220,
        "unshare": 97,
        "setns": 268,
        "clone3": 435,
        "keyctl": 219,
        "read": 63,
    },
}
ALLOWED, MISSING, DENIED = 0x7FFF0000, 0x50000 | errno.ENOSYS, 0x50000 | errno.EPERM


def run(code: bytes, architecture: int, number: int, argument: int = 0) -> int:
    """Do what the kernel does with a filter."""
    data = {0: number, 4: architecture, 16: argument}
    instructions = list(struct.iter_unpack("=HBBI", code))
    value, at = 0, 0
    while True:
        operation, yes, no, operand = instructions[at]
        at += 1
        if operation == 0x20:
            value = data[operand]
        elif operation == 0x06:
            return int(operand)
        else:
            held = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}
            at += yes if held[operation] else no


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("namespaces", [False, True])
@pytest.mark.parametrize("machine", CALLS)
def test_what_a_lab_may_not_use_is_refused(machine: str, namespaces: bool, keys: bool) -> None:
    code = program(machine, namespaces=namespaces, keys=keys)
    user = os.CLONE_NEWUSER

    def answer(call: str, argument: int = 0) -> int:
        return run(code, ARCHITECTURES[machine], CALLS[machine][call], argument)

    assert answer("read") == ALLOWED
    assert answer("clone") == answer("unshare") == ALLOWED
    assert answer("clone", user) == answer("unshare", user) == (ALLOWED if namespaces else DENIED)
    assert answer("setns") == (ALLOWED if namespaces else DENIED)
    assert answer("clone3") == (ALLOWED if namespaces else MISSING)
    assert answer("keyctl") == (ALLOWED if keys else DENIED)
    assert run(code, 0x40000003, CALLS[machine]["read"]) == MISSING  # a 32-bit program
    assert run(code, ARCHITECTURES[machine], 0x40000000) == MISSING


def test_an_unknown_machine_is_an_error() -> None:
    with pytest.raises(OSError, match="unknown for m68k"):
        program("m68k", namespaces=False, keys=False)
