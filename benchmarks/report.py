"""The results as a table for the terminal, as Markdown for the docs, and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import JsonValue
from rich.table import Table

from benchmarks.measure import Comparison, Series

__all__ = ["HEADINGS", "as_json", "as_markdown", "as_table", "row"]

HEADINGS = ("what", "unit", "ours", "peer", "times better", "repetitions", "compared with")
_NO_PEER = "– (a figure)"


def number(value: float) -> str:
    """Return a value with three significant digits."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 1000:
        return f"{rounded:,.0f}".replace(",", " ")
    return f"{value:#.3g}".rstrip(".")


def spread(series: Series) -> str:
    """Return the median and the range."""
    return f"{number(series.median)} ({number(series.least)}–{number(series.most)})"


def row(comparison: Comparison) -> tuple[str, ...]:
    """Return the cells of a line, in the order of `HEADINGS`."""
    ratio = comparison.ratio
    return (
        comparison.what,
        comparison.unit,
        spread(comparison.ours),
        spread(comparison.peer) if comparison.peer else "–",
        spread(ratio) if ratio else "–",
        str(len(comparison.ours.values)),
        comparison.peer_name or _NO_PEER,
    )


def as_table(comparisons: Sequence[Comparison]) -> Table:
    """Return the table that ends a run; ratios are red where the peer is better."""
    table = Table(
        caption="median (least–most); times better: by repetition, below 1 the peer is better",
        caption_justify="left",
    )
    for position, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if 2 <= position <= 5 else "left")
    for comparison in comparisons:
        cells = list(row(comparison))
        ratio = comparison.ratio
        if ratio:
            cells[4] = f"[{'green' if ratio.median >= 1 else 'red'}]{cells[4]}[/]"
        table.add_row(*cells)
    return table


def as_markdown(comparisons: Sequence[Comparison]) -> str:
    """Return the same table as Markdown for the docs."""
    lines = [HEADINGS, tuple("---:" if 2 <= n <= 5 else "---" for n in range(len(HEADINGS)))]
    lines += [row(comparison) for comparison in comparisons]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def as_json(comparisons: Sequence[Comparison], *, quick: bool) -> str:
    """Return all measured values as JSON."""
    document: JsonValue = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": {
            "cores": os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
        },
        "results": [_plain(comparison) for comparison in comparisons],
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


def _plain(comparison: Comparison) -> dict[str, JsonValue]:
    ratio = comparison.ratio
    return {
        "what": comparison.what,
        "unit": comparison.unit,
        "better": comparison.better,
        "ours": _values(comparison.ours),
        "peer": _values(comparison.peer) if comparison.peer else None,
        "times_better": _values(ratio) if ratio else None,
        "compared_with": comparison.peer_name or None,
        "note": comparison.note,
    }


def _values(series: Series) -> dict[str, JsonValue]:
    return {"median": series.median, "values": list(series.values)}
