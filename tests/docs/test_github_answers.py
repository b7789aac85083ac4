"""The page about GitHub says what the hub does with GitHub's answers."""

from __future__ import annotations

import re

from firstlight_hub.auth.attempts import LIFETIME
from firstlight_hub.auth.github_answers import (
    FIRST_WAIT,
    LIMIT_SECONDS,
    MEANINGS,
    MOST_RETRIES,
    Kind,
)
from tests.docs.conftest import DOCS

PAGE = (DOCS / "how-to" / "github-login.md").read_text(encoding="utf-8")


def test_the_table_has_each_kind_of_answer_and_what_it_means() -> None:
    rows = re.findall(r"^\| ([^|]+) \|(.+)\|$", PAGE, re.MULTILINE)[1:]
    table = {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}
    assert list(table) == [str(kind) for kind in Kind]
    for kind in Kind:
        meaning = MEANINGS[kind]
        _, login, recheck, pauses = table[str(kind)]
        assert login == (str(meaning.login_status) if meaning.login_status else "the lists decide")
        assert recheck == str(meaning.recheck)
        assert pauses.split(",")[0] == ("yes" if meaning.pauses_everybody else "no")


def test_the_page_has_the_limits_in_numbers() -> None:
    text = " ".join(PAGE.split())
    waits = [f"{FIRST_WAIT * 2**n / 60:.0f}" for n in range(MOST_RETRIES)]
    assert f"after {waits[0]}, {waits[1]} and {waits[2]} minutes" in text
    assert f"at most {MOST_RETRIES} times and for at most {LIMIT_SECONDS / 60:.0f} minutes" in text
    assert LIFETIME.total_seconds() == 3600
    assert "a login may take an hour" in text
