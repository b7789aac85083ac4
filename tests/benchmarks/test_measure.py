from __future__ import annotations

import pytest

from benchmarks.measure import Comparison, Series, interleave, seconds


def test_sides_are_measured_in_turn_and_every_other_round_backwards() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    taken = interleave(3, {"ours": lambda: side("ours"), "peer": lambda: side("peer")})

    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert taken["ours"].values == (1, 4, 5)
    assert taken["peer"].values == (2, 3, 6)


def test_each_measurement_is_a_step() -> None:
    steps: list[None] = []
    interleave(2, {"ours": lambda: 1.0, "peer": lambda: 1.0}, lambda: steps.append(None))
    assert len(steps) == 4


def test_a_call_takes_some_time() -> None:
    assert seconds(lambda: None) > 0


def test_the_ratio_of_durations_is_how_many_times_faster_ours_is() -> None:
    comparison = Comparison("x", "s", Series((1.0, 2.0)), Series((3.0, 4.0)), "peer")
    assert comparison.ratio == Series((3.0, 2.0))


def test_the_ratio_of_rates_is_the_other_way_round() -> None:
    comparison = Comparison("x", "rows/s", Series((6.0,)), Series((3.0,)), "peer", better="higher")
    assert comparison.ratio == Series((2.0,))


def test_the_ratio_is_taken_by_repetition() -> None:
    # The machine was slow in the second round, for both.
    comparison = Comparison("x", "s", Series((1.0, 10.0, 1.0)), Series((2.0, 20.0, 2.0)), "peer")
    assert comparison.ratio == Series((2.0, 2.0, 2.0))


def test_a_figure_has_no_ratio() -> None:
    assert Comparison("x", "s", Series((1.0,))).ratio is None


def test_a_side_that_was_measured_less_often_is_no_comparison() -> None:
    comparison = Comparison("x", "s", Series((1.0, 2.0)), Series((3.0,)), "peer")
    with pytest.raises(ValueError, match="shorter"):
        _ = comparison.ratio


def test_a_series_in_other_units() -> None:
    taken = Series((0.5, 0.25))
    assert taken.scaled(1000) == Series((500.0, 250.0))
    assert taken.inverted(100) == Series((200.0, 400.0))
    assert (taken.median, taken.least, taken.most) == (0.375, 0.25, 0.5)
