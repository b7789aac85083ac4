"""All benchmarks are documented, and our side can read most queries."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.queries import QUERIES
from firstlight_services.tap.adql import parse
from firstlight_services.tap.errors import QueryError
from tests.docs.conftest import reference


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_is_in_the_reference(name: str) -> None:
    assert f"\n## `{name}`" in reference("benchmarks")


def test_an_unknown_benchmark_is_named_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speed"])

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "no benchmark 'speed'" in said
    assert all(name in said for name in BENCHMARKS)


def test_queries_are_all_different_and_most_are_read() -> None:
    assert len(set(QUERIES)) == len(QUERIES)
    assert sum(map(_is_read, QUERIES)) > 0.7 * len(QUERIES)


def _is_read(query: str) -> bool:
    try:
        parse(query)
    except QueryError:
        return False
    return True
