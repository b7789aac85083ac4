from __future__ import annotations

from itertools import islice

import pytest

from firstlight_hub.people import clean_local_name
from firstlight_hub.people.names import username_candidates


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("amelia", "amelia"),
        (" Amelia ", "amelia"),
        ("a_b-2", "a_b-2"),
        ("", None),
        ("2fast", None),
        ("-rf", None),
        ("../root", None),
        ("a b", None),
        ("a" * 33, None),
        ("ämelia", None),
        ("a\n", "a"),
        ("a\nb", None),
    ],
)
def test_local_names(typed: str, name: str | None) -> None:
    assert clean_local_name(typed) == name


@pytest.mark.parametrize(
    ("login", "names"),
    [
        ("OctoCat", ["octocat", "octocat-7", "octocat-7-2"]),
        ("mona_corp", ["mona_corp", "mona_corp-7", "mona_corp-7-2"]),
        ("dependabot[bot]", ["dependabot-bot", "dependabot-bot-7", "dependabot-bot-7-2"]),
        ("..", ["person", "person-7", "person-7-2"]),
    ],
)
def test_candidates_for_a_name(login: str, names: list[str]) -> None:
    assert list(islice(username_candidates(login, "7"), 3)) == names
