"""Logs of any size and content are shown at once, and do nothing to a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from firstlight_common.logtext import last_lines, printable, read_last_lines


@pytest.mark.parametrize(
    ("data", "lines", "found"),
    [
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc", 2, b"b\nc"),
        (b"a\nb\n", 5, b"a\nb\n"),
        (b"a\n\n\n", 2, b"\n\n"),
        (b"a\rb\x0bc\nd\n", 1, b"d\n"),
        (b"", 3, b""),
        (b"a\n", 0, b""),
    ],
)
def test_the_last_lines_are_found_from_the_end(data: bytes, lines: int, found: bytes) -> None:
    file = io.BytesIO(data)
    assert read_last_lines(file, lines, most=1000) == found
    assert file.tell() == len(data)


class CountedFile(io.FileIO):
    """A file that counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.taken += len(found)
        return found


def test_of_a_large_file_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(20 * 1024**3)  # takes no room on the disk
        file.seek(0, 2)
        file.write(b"\nlast but one\nlast\n")
    with CountedFile(path) as counted:
        assert read_last_lines(counted, 2, most=10**9) == b"last but one\nlast\n"
        assert counted.taken < 10**6
    with CountedFile(path) as counted:
        assert len(read_last_lines(counted, 50, most=10**6)) == 10**6
        assert counted.taken == 10**6


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本 \t tab\n", "plain é 日本 \t tab\n"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("over\rwritten\x08", r"over\rwritten\x08"),
        ("a\u202eb\u2066c\u200f", r"a\u202eb\u2066c\u200f"),
        ("a\u2028b", r"a\u2028b"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_a_terminal_would_not_just_display_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_bytes_that_are_no_text_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n\xe9t\xe9 \xff\n")
    assert last_lines(path, 1) == r"\xe9t\xe9 \xff"


def test_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none", 5) == ""
