"""Where people are kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import Engine, create_engine, delete, event, func, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from firstlight_hub.people.migrations import upgrade
from firstlight_hub.people.models import LOCAL, Link, NameTaken, Person
from firstlight_hub.people.names import username_candidates
from firstlight_hub.people.tables import LinkRow, LoginRow, PersonRow

__all__ = ["Logins", "PeopleStore"]


@dataclass(frozen=True)
class Logins:
    """What is known about the logins of an account.

    Parameters
    ----------
    seen
        Every login it was ever seen with, this time's included.
    own
        Those of them that it had first among the people who were let in.
    """

    seen: frozenset[str]
    own: frozenset[str]


def _now() -> datetime:
    return datetime.now(UTC)


class PeopleStore:
    """People and one-time links in a database.

    Parameters
    ----------
    engine
        The database, already migrated; use `open`.
    clock
        The time, for tests.

    Notes
    -----
    Each method is one short transaction that is on disk when it returns, so killing the hub loses
    nothing. On SQLite a transaction takes the write lock at its start (BEGIN IMMEDIATE); elsewhere
    the unique constraints decide, and who loses a race tries again.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._session = sessionmaker(engine, expire_on_commit=False)
        self._now = clock

    @classmethod
    def open(cls, url: str, clock: Callable[[], datetime] = _now) -> Self:
        """Open a database, bringing its tables up to date.

        Parameters
        ----------
        url
            SQLAlchemy's address of it, such as ``sqlite:////srv/firstlight/hub/people.sqlite``.
        clock
            The time, for tests.
        """
        engine = create_engine(url)
        if make_url(url).get_backend_name() == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_immediate)
        with engine.begin() as connection:
            upgrade(connection)
        return cls(engine, clock)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def by_username(self, username: str) -> Person | None:
        """Find a person by their name in the hub."""
        with self._session() as session:
            row = _by_username(session, username)
            return row.record() if row else None

    def by_identity(self, provider: str, subject: str) -> Person | None:
        """Find a person by who they are at their identity provider."""
        with self._session() as session:
            row = _by_identity(session, provider, subject)
            return row.record() if row else None

    def admit(
        self,
        provider: str,
        subject: str,
        login: str,
        display_name: str = "",
        *,
        taken: Callable[[str], bool] = lambda _: False,
    ) -> Person:
        """Note that somebody has been let in; a new person gets a name and a number.

        Parameters
        ----------
        provider, subject
            Who they are.
        login
            What they are called there now.
        display_name
            Their name for people to read; the login when empty.
        taken
            Tells whether a name is somebody else's elsewhere: who is new does not inherit it.
        """

        def work(session: Session) -> Person:
            row = _by_identity(session, provider, subject)
            row = row or self._new_person(session, provider, subject, login, taken)
            row.last_seen, row.display_name = self._now(), (display_name or login)[:255]
            self._see(session, provider, subject, login, admitted=True)
            session.flush()
            return row.record()

        return self._transact(work)

    def remember_blocked(self, provider: str, subject: str, login: str) -> None:
        """Note the login of a blocked account, so that a rename does not unblock it."""
        self._transact(lambda session: self._see(session, provider, subject, login))

    def logins(self, provider: str, subject: str, login: str) -> Logins:
        """Say which logins count as an account's, given its present one.

        Notes
        -----
        A login belongs to the account that was first let in with it. Somebody who registers a
        name after its holder gave it up gets neither that person's home nor their place on a list.
        """
        login = login.lower()
        with self._session() as session:
            mine = session.scalars(
                select(LoginRow.login).filter_by(provider=provider, subject=subject)
            )
            seen = frozenset(mine) | {login}
            held = session.execute(
                select(LoginRow.login, LoginRow.subject)
                .filter_by(provider=provider, admitted=True)
                .where(LoginRow.login.in_(seen))
                .order_by(LoginRow.first_seen.desc())
            )
            first_holder = {name: holder for name, holder in held}  # noqa: C416 (the last one wins)
        own = frozenset(
            name
            for name in seen
            if first_holder.get(name, subject if name == login else None) == subject
        )
        return Logins(seen, own)

    def new_link(self, username: str, *, admin: bool, lifetime: timedelta) -> tuple[str, Link]:
        """Make a one-time link for a local person, who is made too if there is none.

        Parameters
        ----------
        username
            A clean local name.
        admin
            Whether they become an administrator.
        lifetime
            How long the link works.

        Returns
        -------
        token, link
            The token is nowhere else: keep it out of logs.

        Raises
        ------
        NameTaken
            If the name belongs to somebody of an identity provider: an operator's link must not
            open that person's home.
        """
        token, now = secrets.token_urlsafe(32), self._now()

        def work(session: Session) -> Link:
            row = _by_username(session, username)
            if row and row.provider != LOCAL:
                raise NameTaken(username)
            row = row or self._new_person(session, LOCAL, username, username)
            session.execute(delete(LinkRow).where(LinkRow.expires < now))
            session.flush()
            link = LinkRow(
                token_hash=_hash(token),
                person_id=row.id,
                admin=admin,
                created=now,
                expires=now + lifetime,
            )
            session.add(link)
            return link.record(username)

        return token, self._transact(work)

    def find_link(self, token: str) -> Link | None:
        """Look at a link without using it; ``None`` if it is unknown, used or too old."""
        with self._session() as session:
            found = session.execute(
                select(LinkRow, PersonRow.username)
                .join(PersonRow, PersonRow.id == LinkRow.person_id)
                .where(LinkRow.token_hash == _hash(token), LinkRow.used_at.is_(None))
                .where(LinkRow.expires > self._now())
            ).first()
            return found[0].record(found[1]) if found else None

    def use_link(self, token: str) -> Person | None:
        """Use a link up, whoever is first; ``None`` if it is unknown, used or too old.

        Notes
        -----
        The token is 256 random bits and is looked up by its SHA-256, so that neither the database
        nor the time that the look-up takes tells anything about a valid one.
        """

        def work(session: Session) -> Person | None:
            now = self._now()
            used = session.execute(
                update(LinkRow)
                .where(LinkRow.token_hash == _hash(token), LinkRow.used_at.is_(None))
                .where(LinkRow.expires > now)
                .values(used_at=now)
                .returning(LinkRow.person_id, LinkRow.admin)
            ).first()
            if used is None:
                return None
            row = session.get_one(PersonRow, used.person_id)
            row.last_seen, row.is_operator = now, used.admin
            return row.record()

        return self._transact(work)

    def touch(self, username: str) -> None:
        """Note that a person has been seen."""

        def work(session: Session) -> None:
            session.execute(
                update(PersonRow).filter_by(username=username).values(last_seen=self._now())
            )

        self._transact(work)

    def count(self) -> int:
        """Count the people."""
        with self._session() as session:
            return session.scalar(select(func.count()).select_from(PersonRow)) or 0

    def _new_person(
        self,
        session: Session,
        provider: str,
        subject: str,
        login: str,
        taken: Callable[[str], bool] = lambda _: False,
    ) -> PersonRow:
        for name in username_candidates(login, subject):
            if _by_username(session, name) is None and not taken(name):
                break
        now = self._now()
        row = PersonRow(
            provider=provider,
            subject=subject,
            username=name,
            display_name=login,
            created=now,
            last_seen=now,
            is_operator=False,
        )
        session.add(row)
        return row

    def _see(
        self, session: Session, provider: str, subject: str, login: str, *, admitted: bool = False
    ) -> None:
        row = session.get(LoginRow, (provider, subject, login.lower()))
        if row is None:
            row = LoginRow(
                provider=provider, subject=subject, login=login.lower(), first_seen=self._now()
            )
            session.add(row)
        row.admitted = row.admitted or admitted

    def _transact[T](self, work: Callable[[Session], T]) -> T:
        """Run one transaction, again when another process was faster."""
        for attempt in range(5):
            try:
                with self._session.begin() as session:
                    return work(session)
            except IntegrityError:
                if attempt == 4:
                    raise
        raise AssertionError


def _by_username(session: Session, username: str) -> PersonRow | None:
    return session.scalars(select(PersonRow).filter_by(username=username)).one_or_none()


def _by_identity(session: Session, provider: str, subject: str) -> PersonRow | None:
    return session.scalars(
        select(PersonRow).filter_by(provider=provider, subject=subject)
    ).one_or_none()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own idea of transactions is off
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
