"""Short, coloured lines in a terminal; plain ones elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich.console
from rich.text import Text

__all__ = ["Console"]


class Console:
    """Prints the progress of ``firstlight up``."""

    def __init__(self) -> None:
        self._console = rich.console.Console(highlight=False, soft_wrap=True)

    def done(self, what: str, seconds: float | None = None) -> None:
        """Print that something is done."""
        took = f" {seconds:.1f} s" if seconds is not None else ""
        self._console.print(Text.assemble(("✓ ", "green"), what, (took, "bright_black")))

    def note(self, what: str) -> None:
        """Print that something happened."""
        self._console.print(Text.assemble(("• ", "yellow"), what))

    @contextmanager
    def waiting(self) -> Iterator[Callable[[str], None]]:
        """Show what is starting, on one line that is overwritten."""
        if not self._console.is_terminal:
            yield lambda _: None
            return
        with self._console.status("starting") as status:
            yield lambda text: status.update(f"starting {text}")

    def greet(self, url: str, link: str, *, listens: str, demo: bool) -> None:
        """Print the addresses and the administrator's link, each whole on a line of its own."""
        show = self._console.print
        show()
        show(Text.assemble("  First Light is up:   ", (url + "/", "bold cyan")))
        if listens not in url:
            show(Text.assemble("  Listening on:        ", (listens, "cyan")))
        show(Text.assemble("  Administrator, once: ", (link, "cyan")))
        if demo:
            show(Text("  Demo: people log in through a pretend GitHub.", "yellow"))
        show(Text("  Ctrl-C stops everything.", "bright_black"))
        show()
