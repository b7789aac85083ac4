from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from firstlight_hub.people import NameTakenError, PeopleStore
from firstlight_hub.people.tables import Base

HOUR = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'people.sqlite'}"


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[PeopleStore]:
    opened = PeopleStore.open(url, clock)
    yield opened
    opened.close()


def test_a_new_person_is_named_after_their_login_in_lower_case(store: PeopleStore) -> None:
    person = store.admit("github", "583231", "OctoCat", "The Octocat")
    assert (person.username, person.uid) == ("octocat", 100_001)
    assert person.display_name == "The Octocat"


def test_a_person_stays_the_same_after_a_rename(store: PeopleStore, clock: Clock) -> None:
    first = store.admit("github", "1", "octocat")
    clock.now += HOUR
    renamed = store.admit("github", "1", "kitty")
    assert (renamed.id, renamed.username, renamed.uid) == (first.id, "octocat", first.uid)
    assert renamed.last_seen == clock.now
    assert renamed.created == clock.now - HOUR


def test_a_registered_again_name_is_somebody_else(store: PeopleStore) -> None:
    old = store.admit("github", "1", "octocat")
    new = store.admit("github", "2", "octocat")
    assert new.username == "octocat-2"
    assert new.uid != old.uid


def test_the_second_choice_of_name_can_be_taken_too(store: PeopleStore) -> None:
    store.admit("github", "1", "octocat")
    store.admit("github", "3", "octocat-2")
    assert store.admit("github", "2", "octocat").username == "octocat-2-2"


def test_the_name_of_a_local_person_is_taken(store: PeopleStore) -> None:
    store.new_link("octocat", admin=False, lifetime=HOUR)
    assert store.admit("github", "1", "octocat").username == "octocat-1"


def test_a_number_is_never_given_again(store: PeopleStore, url: str) -> None:
    gone = store.admit("github", "1", "octocat")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM person"))
    engine.dispose()
    assert store.admit("github", "2", "octocat").uid > gone.uid


def test_people_are_found_by_name(store: PeopleStore) -> None:
    person = store.admit("github", "1", "octocat")
    assert store.by_username("octocat") == person
    assert store.by_username("nobody") is None


def test_all_logins_of_an_account_are_recorded(store: PeopleStore) -> None:
    store.admit("github", "1", "octocat")
    store.admit("github", "1", "kitty")
    logins = store.logins("github", "1", "tiger")
    assert logins.seen == {"octocat", "kitty", "tiger"}
    assert logins.own == logins.seen


def test_a_login_belongs_to_who_was_let_in_with_it_first(store: PeopleStore, clock: Clock) -> None:
    store.admit("github", "1", "octocat")
    clock.now += HOUR
    assert store.logins("github", "2", "octocat").own == frozenset()
    store.admit("github", "2", "octocat")
    assert store.logins("github", "2", "octocat").own == frozenset()
    assert store.logins("github", "1", "kitty").own == {"octocat", "kitty"}


def test_a_blocked_account_does_not_own_its_login(store: PeopleStore) -> None:
    store.record_blocked("github", "1", "Mallory")
    assert store.logins("github", "1", "mallory2").seen == {"mallory", "mallory2"}
    assert store.logins("github", "2", "mallory").own == {"mallory"}


def test_a_link_works_once(store: PeopleStore) -> None:
    token, link = store.new_link("amelia", admin=True, lifetime=HOUR)
    assert store.find_link(token) == link
    person = store.use_link(token)
    assert person is not None
    assert (person.username, person.provider, person.is_operator) == ("amelia", "local", True)
    assert store.use_link(token) is None
    assert store.find_link(token) is None


def test_looking_at_a_link_does_not_use_it(store: PeopleStore) -> None:
    token, _ = store.new_link("amelia", admin=False, lifetime=HOUR)
    for _ in range(3):
        assert store.find_link(token)
    assert store.use_link(token)


def test_a_link_expires(store: PeopleStore, clock: Clock) -> None:
    token, _ = store.new_link("amelia", admin=False, lifetime=HOUR)
    clock.now += HOUR
    assert store.find_link(token) is None
    assert store.use_link(token) is None


def test_the_last_used_link_says_who_is_an_operator(store: PeopleStore) -> None:
    for admin in (True, False):
        token, _ = store.new_link("amelia", admin=admin, lifetime=HOUR)
        person = store.use_link(token)
        assert person
        assert person.is_operator is admin


@pytest.mark.parametrize("token", ["", "x", "' OR 1=1 --", "a" * 10_000])
def test_a_guessed_token_is_nobody(store: PeopleStore, token: str) -> None:
    store.new_link("amelia", admin=True, lifetime=HOUR)
    assert store.use_link(token) is None


def test_tokens_are_not_in_the_database_in_clear_text(store: PeopleStore, tmp_path: Path) -> None:
    token, _ = store.new_link("amelia", admin=True, lifetime=HOUR)
    assert not any(token.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_a_link_for_a_person_of_an_identity_provider_is_refused(store: PeopleStore) -> None:
    store.admit("github", "1", "octocat")
    with pytest.raises(NameTakenError):
        store.new_link("octocat", admin=False, lifetime=HOUR)


def test_only_one_of_many_users_of_a_link_gets_in(url: str) -> None:
    stores = [PeopleStore.open(url) for _ in range(4)]
    token, _ = stores[0].new_link("amelia", admin=False, lifetime=HOUR)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda store: store.use_link(token), stores * 2))
    assert sum(person is not None for person in results) == 1
    for store in stores:
        store.close()


def test_people_who_come_at_once_get_different_names(url: str) -> None:
    stores = [PeopleStore.open(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        people = list(
            pool.map(lambda i: stores[i % 4].admit("github", str(i), "octocat"), range(12))
        )
    assert len({person.username for person in people}) == 12
    assert len({person.uid for person in people}) == 12
    for store in stores:
        store.close()


def test_one_person_who_comes_at_once_is_one_person(url: str) -> None:
    stores = [PeopleStore.open(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        people = list(pool.map(lambda store: store.admit("github", "1", "octocat"), stores * 3))
    assert len({person.id for person in people}) == 1
    for store in stores:
        store.close()


def test_what_was_said_survives_kill_9(url: str) -> None:
    code = (
        "import os, signal\n"
        "from firstlight_hub.people import PeopleStore\n"
        f"PeopleStore.open({url!r}).admit('github', '1', 'octocat')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    store = PeopleStore.open(url)
    assert store.by_username("octocat")
    store.close()


def test_opening_again_keeps_everything(store: PeopleStore, url: str) -> None:
    store.admit("github", "1", "octocat")
    again = PeopleStore.open(url)
    assert again.by_username("octocat")
    again.close()


def test_the_migrations_make_the_tables_of_the_model(store: PeopleStore, url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "people_version"})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()
