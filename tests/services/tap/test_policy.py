from __future__ import annotations

import pytest

from firstlight_services.tap.errors import QueryError
from firstlight_services.tap.policy import Limits, RowLimit, read_maxrec, row_limit

LIMITS = Limits(default_rows=100, max_rows=1000)


@pytest.mark.parametrize(
    ("top", "maxrec", "expected"),
    [
        (None, None, RowLimit(101, 100)),
        (10, None, RowLimit(10, 10)),
        (100, None, RowLimit(100, 100)),
        (500, None, RowLimit(101, 100)),
        (500, 700, RowLimit(500, 500)),
        (None, 7, RowLimit(8, 7)),
        (None, 0, RowLimit(0, 0, cut=True)),
        (5, 0, RowLimit(0, 0, cut=True)),
        (None, 5000, RowLimit(1001, 1000)),
        (0, None, RowLimit(0, 0)),
    ],
)
def test_the_smallest_limit_counts(top: int | None, maxrec: int | None, expected: RowLimit) -> None:
    assert row_limit(top, maxrec, LIMITS) == expected


def test_only_rows_beyond_the_limit_overflow() -> None:
    assert not RowLimit(101, 100).overflows(100)
    assert RowLimit(101, 100).overflows(101)


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "１", "9" * 30])
def test_maxrec_is_a_whole_number(text: str) -> None:
    with pytest.raises(QueryError, match="MAXREC"):
        read_maxrec(text)
