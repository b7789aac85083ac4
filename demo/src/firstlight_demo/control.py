"""What tests may do: let paths fail, change people, forget tokens."""

from __future__ import annotations

import hmac
import json

from tornado.web import RequestHandler

from firstlight_demo.faults import Fault, Faults
from firstlight_demo.oauth import OAuth
from firstlight_demo.people import People

__all__ = ["ControlHandler"]


class ControlHandler(RequestHandler):
    """``/_control``: only for who knows the application's secret."""

    def initialize(self, people: People, oauth: OAuth, faults: Faults, secret: str) -> None:
        """Take what the application shares."""
        self.people = people
        self.oauth = oauth
        self.faults = faults
        self.secret = secret

    def check_xsrf_cookie(self) -> None:
        """Machines call this; there is no cookie."""

    def post(self) -> None:
        """Do what is asked."""
        given = self.request.headers.get("X-Demo-Control", "")
        if not hmac.compare_digest(given.encode(), self.secret.encode()):
            self.set_status(403)
            self.write({"message": "The X-Demo-Control header does not hold the secret."})
            return
        try:
            self._apply(json.loads(self.request.body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self.set_status(422)
            self.write({"message": f"This command is not understood: {error!r}"})

    def _apply(self, command: dict[str, dict[str, object]]) -> None:
        if "fail" in command:
            self.faults.add(Fault(**command["fail"]))  # type: ignore[arg-type]
        if "set_person" in command:
            change = dict(command["set_person"])
            login = str(change.pop("login"))
            if "id" in change:
                change["number"] = change.pop("id")
            self.people.change(login, **change)  # type: ignore[arg-type]
        if "revoke" in command:
            person = self.people.by_login(str(command["revoke"]))
            if person is None:
                raise KeyError(command["revoke"])
            self.oauth.revoke(person.number)
        if command.get("clear"):
            self.faults.clear()
            self.people.restore()
        self.write({"ok": True})
