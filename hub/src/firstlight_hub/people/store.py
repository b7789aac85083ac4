"""The database of people and one-time links."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from sqlite3 import Connection as SqliteConnection
from typing import Self

from sqlalchemy import Connection, Engine, create_engine, delete, event, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from firstlight_hub.people.migrations import upgrade
from firstlight_hub.people.models import LOCAL, Link, NameTakenError, Person
from firstlight_hub.people.names import username_candidates
from firstlight_hub.people.tables import LinkRow, LoginRow, PersonRow

__all__ = ["Logins", "PeopleStore"]


@dataclass(frozen=True)
class Logins:
    """What is known about the logins of an account.

    Parameters
    ----------
    seen
        Every login that it has been seen with, including the present one.
    own
        Those of them that it was the first to have among the people with access.
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
        Returns the present time; tests replace it.

    Notes
    -----
    Each method is one short transaction that is on disk when it returns, so killing the hub loses
    nothing. On SQLite a transaction takes the write lock at its start (BEGIN IMMEDIATE); elsewhere
    the unique constraints decide, and the loser of a race tries again.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._session = sessionmaker(engine, expire_on_commit=False)
        self._now = clock

    @classmethod
    def open(cls, url: str, clock: Callable[[], datetime] = _now) -> Self:
        """Open a database and bring its tables up to date.

        Parameters
        ----------
        url
            Its SQLAlchemy URL, such as ``sqlite:////srv/firstlight/hub/people.sqlite``.
        clock
            Returns the present time; tests replace it.
        """
        address = make_url(url)
        if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
            # Every connection would be another database; its callers take turns.
            shared = {"check_same_thread": False}
            engine = create_engine(url, poolclass=StaticPool, connect_args=shared)
        else:
            engine = create_engine(url)
        if address.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_immediate)
        with engine.begin() as connection:
            upgrade(connection)
        return cls(engine, clock)

    def close(self) -> None:
        """Close all connections to the database."""
        self._engine.dispose()

    def by_username(self, username: str) -> Person | None:
        """Return the person with a name in the hub, or ``None``."""
        with self._session() as session:
            row = _by_username(session, username)
            return row.record() if row else None

    def admit(
        self,
        provider: str,
        subject: str,
        login: str,
        display_name: str = "",
        *,
        taken: Collection[str] = (),
    ) -> Person:
        """Record that somebody has been given access; a new person gets a name and a number.

        Parameters
        ----------
        provider, subject
            Who they are.
        login
            Their present login there.
        display_name
            Their name as other people know it; the login if empty.
        taken
            Names that are in use elsewhere, so that a new person must not get them.
        """

        def work(session: Session) -> Person:
            row = _by_identity(session, provider, subject)
            row = row or self._new_person(session, provider, subject, login, taken)
            row.last_seen, row.display_name = self._now(), (display_name or login)[:255]
            self._see(session, provider, subject, login, admitted=True)
            session.flush()
            return row.record()

        return self._transact(work)

    def record_blocked(self, provider: str, subject: str, login: str) -> None:
        """Record the login of a blocked account, so that a rename does not unblock it."""
        self._transact(lambda session: self._see(session, provider, subject, login))

    def logins(self, provider: str, subject: str, login: str) -> Logins:
        """Return the logins that count as an account's, given its present one.

        Notes
        -----
        A login belongs to the account that first got access with it. Somebody who registers a login
        that its holder gave up gets neither that person's home nor their entry on a list.
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
        """Create a one-time link for a local person, and the person if there is none.

        Parameters
        ----------
        username
            A valid local name, from `clean_local_name`.
        admin
            Whether the link makes them an administrator.
        lifetime
            How long the link works.

        Returns
        -------
        token, link
            The token is stored nowhere: keep it out of logs.

        Raises
        ------
        NameTakenError
            If the name belongs to somebody who logs in through an identity provider: an operator's
            link must not open that person's home.
        """
        token, now = secrets.token_urlsafe(32), self._now()

        def work(session: Session) -> Link:
            row = _by_username(session, username)
            if row and row.provider != LOCAL:
                raise NameTakenError(username)
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
        """Return a link without using it up; ``None`` if it is unknown, used or expired."""
        with self._session() as session:
            found = session.execute(
                select(LinkRow, PersonRow.username)
                .join(PersonRow, PersonRow.id == LinkRow.person_id)
                .where(LinkRow.token_hash == _hash(token), LinkRow.used_at.is_(None))
                .where(LinkRow.expires > self._now())
            ).first()
            return found[0].record(found[1]) if found else None

    def use_link(self, token: str) -> Person | None:
        """Use a link up and return its person; ``None`` if it is unknown, used or expired.

        Notes
        -----
        The token is 256 random bits and is looked up by its SHA-256, so that neither the database
        nor the duration of the look-up reveals anything about a valid token.
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
        """Record that a person has been seen just now."""

        def work(session: Session) -> None:
            session.execute(
                update(PersonRow).filter_by(username=username).values(last_seen=self._now())
            )

        self._transact(work)

    def _new_person(
        self,
        session: Session,
        provider: str,
        subject: str,
        login: str,
        taken: Collection[str] = (),
    ) -> PersonRow:
        for name in username_candidates(login, subject):
            if _by_username(session, name) is None and name not in taken:
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
        """Run one transaction, and run it again if another process was faster."""
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


def _prepare_sqlite(connection: SqliteConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are SQLAlchemy's, not the driver's
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
