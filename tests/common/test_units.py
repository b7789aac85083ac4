from __future__ import annotations

from datetime import timedelta

import pytest

from firstlight_common.units import format_bytes, format_duration, parse_bytes, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("14d", 1209600),
        ("0.5s", 0.5),
        (5, 5),
        ("0s", 0),
    ],
)
def test_durations_are_read(text: object, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "5 minutes", "-5m", "m", True, -1, None, [], "1y"])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512Mi", 512 * 2**20), ("4Gi", 2**32), ("2G", 2 * 10**9), ("1.5Ki", 1536), (7, 7)],
)
def test_sizes_are_read(text: object, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("value", ["", "4 gigs", "-1Gi", 0, -1, True, None, "0Gi"])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_bytes(value)


@pytest.mark.parametrize("seconds", [0, 0.25, 1, 59, 60, 90, 3600, 5400, 86400, 129600, 10**9 + 1])
def test_a_written_duration_reads_back_exactly(seconds: float) -> None:
    value = timedelta(seconds=seconds)
    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize("size", [1, 1023, 1024, 2500, 2**20, 3 * 2**29, 2**30 + 1, 2**42])
def test_a_written_size_reads_back_exactly(size: int) -> None:
    assert parse_bytes(format_bytes(size)) == size
