"""A lab's logger: writes what arrives on standard input to a log of bounded size.

Run as ``python -I -S log_writer.py LOG`` with the reading end of the lab's pipe as standard input.
It is a process of its own because it outlives the hub together with the lab, and because the lab
must not reach the log: the lab has the writing end of the pipe, and nothing else. It ends when all
processes of the lab have ended. It uses only the standard library, and little of that: there is one
for each lab.

Notes
-----
A lab is never blocked for long. What it writes faster than `_RATE` is read and dropped, at a pace
that costs little CPU, and the log says how much that was. The same goes for what cannot be written
because the disk is full. Lines of the logger's own start with ``!``; a lab's lines that do so are
indented by a space.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

__all__ = ["LogWriter", "main"]

_MARK = b"!"
_MOST = 5 * 1024**2
"""Size of the log in bytes at which it is rotated; one old file is kept."""
_RATE = 256 * 1024
"""Bytes a second that are written in the long run."""
_BURST = 2 * 1024**2
"""Bytes that are written at once after a quiet time."""
_BLOCK = 64 * 1024
_BLOCKS_AT_ONCE = 16
_PAUSE = 0.01
"""Seconds to wait after that many blocks were dropped in a row: it limits the logger's CPU time."""
_SILENCE = 1
"""Seconds without output after which the log says what was dropped before."""
_PR_SET_DUMPABLE = 4


class LogWriter:
    """A log file that is rotated.

    Parameters
    ----------
    path
        The log. What is there already is rotated first.
    most
        Size in bytes at which it is rotated.

    Attributes
    ----------
    dropped
        Bytes that were dropped and not yet reported in the log.
    """

    def __init__(self, path: str, most: int = _MOST) -> None:
        self._path = path
        self._most = most
        self._size = 0
        self._file = -1
        self._line_starts = True
        self._replaced = False
        self._reason = ""
        self.dropped = 0
        self._append(b"")

    def write(self, block: bytes) -> None:
        """Write a lab's output, or count it as dropped if it cannot be written."""
        if self.dropped and not self.report():
            self.dropped += len(block)
            return
        marked = block.replace(b"\n" + _MARK, b"\n " + _MARK)
        if self._line_starts and block.startswith(_MARK):
            marked = b" " + marked
        if not self._append(marked):
            self.dropped += len(block)

    def drop(self, size: int, reason: str) -> None:
        """Record that output was dropped; the log says so before the next that is written."""
        self.dropped += size
        self._reason = reason

    def close(self) -> None:
        """Write what is left to say, and close the file."""
        if self.dropped:
            self.report()
        if self._file >= 0:
            os.close(self._file)

    def report(self) -> bool:
        """Write how much was dropped; return False if that is impossible, too."""
        line = f"! {self.dropped / 1024:,.0f} KiB of output dropped: {self._reason}\n".encode()
        if not self._append(line if self._line_starts else b"\n" + line):
            return False
        self.dropped = 0
        return True

    def _append(self, data: bytes) -> bool:
        """Write data, rotated if they do not fit; return False if not all could be written."""
        try:
            if self._file < 0 or self._size + len(data) > self._most:
                self._rotate()
            while data:
                written = os.write(self._file, data)
                self._size += written
                self._line_starts = data[written - 1 : written] == b"\n"
                data = data[written:]
        except OSError as error:
            self._reason = f"the log could not be written ({error.strerror})"
            return False
        return True

    def _rotate(self) -> None:
        """Start a new file; `OSError` if that is impossible."""
        if self._file >= 0:
            self._replaced = self._replaced or not self._is_current()
            os.close(self._file)
            self._file = -1
        if self._replaced:
            raise FileExistsError(17, "the next lab has begun")
        if os.path.lexists(self._path):
            os.replace(self._path, self._path + ".1")  # noqa: PTH105
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
        self._file = os.open(self._path, flags, 0o600)
        self._size, self._line_starts = 0, True

    def _is_current(self) -> bool:
        """Return whether the log is still this one, and not that of the person's next lab."""
        try:
            return os.stat(self._path).st_ino == os.fstat(self._file).st_ino  # noqa: PTH116
        except FileNotFoundError:
            return True


class _Allowance:
    """How much may be written: a bucket that fills at `_RATE` up to `_BURST`."""

    def __init__(self) -> None:
        self._left = float(_BURST)
        self._then = time.monotonic()

    def take(self, size: int) -> bool:
        """Return whether this much may be written now."""
        now = time.monotonic()
        self._left = min(_BURST, self._left + _RATE * (now - self._then))
        self._then = now
        if self._left < size:
            return False
        self._left -= size
        return True


def main() -> None:
    """Write until all processes of the lab have closed the pipe."""
    # Whoever stops the platform stops labs; this ends with its lab.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # The limit on a file's size is an error to report, not a reason to end.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # Other processes of this account may not trace this one, nor take its descriptors.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.umask(0o077)
    os.nice(5)
    _copy(LogWriter(sys.argv[1]), _Allowance())


def _copy(log: LogWriter, allowance: _Allowance) -> None:
    in_a_row = 0
    while True:
        if log.dropped and not select.select([0], [], [], _SILENCE)[0]:
            log.report()
        block = os.read(0, _BLOCK)
        if not block:
            log.close()
            return
        if allowance.take(len(block)):
            log.write(block)
            in_a_row = 0
            continue
        log.drop(len(block), f"more than {_RATE // 1024} KiB a second")
        in_a_row += 1
        if in_a_row % _BLOCKS_AT_ONCE == 0:
            time.sleep(_PAUSE)


if __name__ == "__main__":
    main()
