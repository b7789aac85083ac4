"""The control address for tests, which makes paths fail, changes people and revokes tokens."""

from __future__ import annotations

import hmac
import json
from typing import Literal, NotRequired, TypedDict

from tornado.web import RequestHandler

from firstlight_demo.faults import Fault, Faults
from firstlight_demo.oauth import OAuth
from firstlight_demo.people import People

__all__ = ["ControlHandler"]


class _Failure(TypedDict):
    path: str
    status: int
    times: NotRequired[int | None]
    retry_after: NotRequired[int | None]
    kind: NotRequired[Literal["", "primary", "secondary", "sso"]]
    login: NotRequired[str]


class _Change(TypedDict):
    login: str
    rename: NotRequired[str]
    teams: NotRequired[list[str]]
    id: NotRequired[int]


class _Command(TypedDict, total=False):
    fail: _Failure
    set_person: _Change
    revoke: str
    clear: bool


class ControlHandler(RequestHandler):
    """The handler of ``/_control``, which requires the application's secret."""

    def initialize(self, people: People, oauth: OAuth, faults: Faults, secret: str) -> None:
        """Receive the objects that the handlers share."""
        self.people = people
        self.oauth = oauth
        self.faults = faults
        self.secret = secret

    def check_xsrf_cookie(self) -> None:
        """Accept requests without a cookie, since programs call this."""

    def post(self) -> None:
        """Carry out a command."""
        given = self.request.headers.get("X-Demo-Control", "")
        if not hmac.compare_digest(given.encode(), self.secret.encode()):
            self.set_status(403)
            self.write({"message": "The X-Demo-Control header does not contain the secret."})
            return
        try:
            self._apply(json.loads(self.request.body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self.set_status(422)
            self.write({"message": f"Invalid command: {error!r}"})

    def _apply(self, command: _Command) -> None:
        if "fail" in command:
            self.faults.add(Fault(**command["fail"]))
        if "set_person" in command:
            self.people.change(**command["set_person"])
        if "revoke" in command:
            person = self.people.by_login(command["revoke"])
            if person is None:
                raise KeyError(command["revoke"])
            self.oauth.revoke(person.number)
        if command.get("clear"):
            self.faults.clear()
            self.people.restore()
        self.write({"ok": True})
