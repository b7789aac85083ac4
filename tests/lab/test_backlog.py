"""How much output a lab keeps for clients that do not read, or are not there."""

from __future__ import annotations

import pytest

from firstlight_lab.backlog import LAB_LIMIT, LEAST_SHARE, RecentMessages, share


@pytest.mark.parametrize(
    ("websockets", "each"),
    [(0, LAB_LIMIT), (1, LAB_LIMIT), (4, LAB_LIMIT // 4), (64, LEAST_SHARE), (900, LEAST_SHARE)],
)
def test_websockets_share_what_a_lab_may_hold(websockets: int, each: int) -> None:
    assert share(websockets) == each


def test_the_last_messages_are_kept() -> None:
    kept = RecentMessages(limit=10)
    for number in range(9):
        kept.append(("iopub", [bytes([number]), b"xyz"]))
    assert [parts[0][0] for _, parts in kept] == [7, 8]
    assert len(kept) == 2


def test_one_message_is_kept_however_large_it_is() -> None:
    kept = RecentMessages(limit=10)
    kept.append(("iopub", [b"a"]))
    kept.append(("shell", [b"x" * 100]))
    assert [channel for channel, _ in kept] == ["shell"]
