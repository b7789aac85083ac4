"""ADQL: our parser and planner against ``queryparser-python3``.

The peer is the AIP's ADQL translator for archives on PostgreSQL: Python too, with a parser that
antlr4 generated.

Two lines. *Text to tree* is the parser alone: our ``parse`` against the peer's
``ADQLQueryTranslator(query)``, which parses and does no more. *Text to SQL* is what a service has
to do with a query before it can run it: our ``plan`` (parse, look up every table and column in the
catalog, check types, emit) against the peer's ``to_postgresql`` (parse, translate). The peer knows
no catalog, so that ours does more; its constructor, which would make it parse a second time, stays
outside of the clock.

Both sides get the queries that both can read; each is read once before, for their caches (antlr4
learns its decision tables while it parses).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from benchmarks.measure import Comparison, interleave, seconds
from benchmarks.queries import QUERIES
from benchmarks.session import Session
from firstlight_services.tap.adql import parse
from firstlight_services.tap.engines.duckdb.emit import emit
from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.models import Catalog
from firstlight_services.tap.policy import Limits
from firstlight_services.tap.schema import TAP_SCHEMA, packaged_felis, read_felis
from firstlight_services.tap.service import plan

__all__ = ["run"]

_LIMITS = Limits(100_000, 1_000_000)
_MILLI = 1e3


def run(session: Session) -> list[Comparison]:
    """Compare parsing, and planning, of the queries that both sides read."""
    translator = _translator()
    rounds = session.rounds(10)
    with session.steps("adql: reading the queries once", len(QUERIES)) as step:
        catalog = Catalog((read_felis(packaged_felis()), TAP_SCHEMA))
        ours, peers = [], []
        for text in QUERIES:
            ours += [text] * _reads(lambda query: plan(query, None, catalog, _LIMITS, emit), text)
            peers += [text] * _reads(lambda query: translator(query).to_postgresql(), text)
            step()
    both = [text for text in ours if text in peers]
    made = [translator(text) for text in both]
    name = f"queryparser-python3 {version('queryparser-python3')}"
    note = (
        f"{len(both)} queries, the same for both; of {len(QUERIES)}, "
        f"ours reads {len(ours)} and the peer {len(peers)}"
    )
    with session.steps("adql: measuring", 4 * rounds) as step:
        trees = interleave(
            rounds,
            {
                "ours": lambda: seconds(lambda: [parse(text) for text in both]),
                "peer": lambda: seconds(lambda: [translator(text) for text in both]),
            },
            step,
        )
        plans = interleave(
            rounds,
            {
                "ours": lambda: seconds(
                    lambda: [plan(text, None, catalog, _LIMITS, emit) for text in both]
                ),
                "peer": lambda: seconds(lambda: [one.to_postgresql() for one in made]),
            },
            step,
        )
    scale = _MILLI / len(both)
    return [
        Comparison(
            f"ADQL, {what}",
            "ms a query",
            taken["ours"].scaled(scale),
            taken["peer"].scaled(scale),
            name,
            note=note,
        )
        for what, taken in (("text to tree", trees), ("text to SQL", plans))
    ]


def _translator() -> Callable[[str], Any]:
    """Return the peer's class; it has no types."""
    from queryparser.adql import ADQLQueryTranslator  # type: ignore[import-untyped]

    found: Callable[[str], Any] = ADQLQueryTranslator
    return found


def _reads(read: Callable[[str], object], text: str) -> bool:
    from queryparser.exceptions import QueryError as PeerError  # type: ignore[import-untyped]
    from queryparser.exceptions import QuerySyntaxError

    try:
        read(text)
    except (QueryError, PeerError, QuerySyntaxError):
        return False
    return True
