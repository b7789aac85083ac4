from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import JsonValue

from firstlight_hub.spawner.choices import Choices, choices_of, remembered

NOON = datetime(2026, 11, 27, 12, 0, 1, tzinfo=UTC)
NAME = ".user_env.20261127T120001Z"


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (None, Choices()),
        ({}, Choices()),
        ({"size": ["small"]}, Choices()),
        ({"reset_user_env": ["true"]}, Choices(reset=NAME)),
        ({"reset_user_env": True}, Choices(reset=NAME)),
        ({"reset_user_env": False, "debug": "false"}, Choices()),
        ({"reset_user_env": [], "debug": [""]}, Choices()),
        ({"reset_user_env": {"x": 1}, "debug": 7}, Choices()),
        ({"debug": "TRUE"}, Choices(debug=True)),
    ],
)
def test_forms_and_clients_choose_alike(
    options: dict[str, JsonValue] | None, chosen: Choices
) -> None:
    assert choices_of(options, NOON) == chosen


def test_a_reset_is_named_by_the_time_in_utc() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=-3)))

    assert choices_of({"reset_user_env": True}, local).reset == NAME


def test_a_reset_is_not_repeated_by_the_next_start() -> None:
    options: dict[str, JsonValue] = {
        "size": ["small"],
        "reset_user_env": ["true"],
        "debug": "1",
        "x": "y",
    }

    assert remembered(options) == {"size": ["small"], "debug": "1"}
    assert remembered(None) == {}
