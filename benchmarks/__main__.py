"""The program ``python -m benchmarks [NAME…]``: run benchmarks and print a table of results."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import (
    adql,
    cone,
    cutout,
    first_cell,
    kernel,
    lab_start,
    labs_at_once,
    loop_lag,
    platform_start,
    votable,
)
from benchmarks.measure import Comparison
from benchmarks.report import as_json, as_markdown, as_table
from benchmarks.session import Session

__all__ = ["BENCHMARKS", "main"]

_WIDTH = 200

BENCHMARKS: Mapping[str, Callable[[Session], list[Comparison]]] = {
    "adql": adql.run,
    "votable": votable.run,
    "cone": cone.run,
    "cutout": cutout.run,
    "lab-start": lab_start.run,
    "labs-at-once": labs_at_once.run,
    "kernel": kernel.run,
    "first-cell": first_cell.run,
    "loop-lag": loop_lag.run,
    "platform-start": platform_start.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks and return the exit code."""
    options = _options(argv)
    # Progress goes to stderr, so that a program can read stdout.
    watched = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    found: list[Comparison] = []
    with (
        tempfile.TemporaryDirectory(prefix="firstlight-bench-") as folder,
        Progress(*columns, console=watched) as progress,
    ):
        # The process spawner's labs run under accounts of their own and need to read this folder.
        Path(folder).chmod(0o755)
        session = Session(Path(folder), options.quick, progress)
        for name in options.names or BENCHMARKS:
            found += BENCHMARKS[name](session)
    _show(found, options, watched)
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure First Light side by side with named peers.",
        epilog=f"Benchmarks: {', '.join(BENCHMARKS)}. Without a name, all of them.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure")
    parser.add_argument("--quick", action="store_true", help="only check that they work")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all values as JSON")
    form.add_argument("--markdown", action="store_true", help="print the table for the docs")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; choose from {', '.join(BENCHMARKS)}")
    return options


def _show(found: Sequence[Comparison], options: argparse.Namespace, watched: Console) -> None:
    if options.json:
        sys.stdout.write(as_json(found, quick=options.quick) + "\n")
    elif options.markdown:
        sys.stdout.write(as_markdown(found) + "\n")
    else:
        # A file has no width, and a truncated table would be useless in one.
        width = None if sys.stdout.isatty() else _WIDTH
        Console(highlight=False, width=width).print(as_table(found))
    for comparison in found:
        if comparison.note:
            watched.print(f"• {comparison.what}: {comparison.note}")
    if options.quick:
        watched.print("[yellow]--quick: these values do not measure speed.[/]")


if __name__ == "__main__":
    sys.exit(main())
