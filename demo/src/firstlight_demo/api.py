"""The REST endpoints, in the format that GitHub documents (API version 2022-11-28)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from pydantic import JsonValue
from tornado.escape import json_encode
from tornado.web import RequestHandler

from firstlight_demo.faults import Fault, Faults
from firstlight_demo.oauth import Grant, OAuth
from firstlight_demo.people import People, Person

__all__ = ["ApiHandler"]

_ORG_SCOPES = {"read:org", "write:org", "admin:org"}
_LIMIT = 5000


class _RefusalError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ApiHandler(RequestHandler):
    """The handler of all paths below ``/api``."""

    def initialize(self, people: People, oauth: OAuth, faults: Faults) -> None:
        """Receive the objects that the handlers share."""
        self.people = people
        self.oauth = oauth
        self.faults = faults

    def get(self, path: str) -> None:
        """Answer a request, or fail on demand."""
        self.set_header("X-GitHub-Media-Type", "github.v3; format=json")
        self.set_header("X-RateLimit-Limit", str(_LIMIT))
        self.set_header("X-RateLimit-Remaining", str(_LIMIT - 1))
        self.set_header("X-RateLimit-Reset", str(int(time.time()) + 3600))
        try:
            grant, person = self._who()
            fault = self.faults.next_for(path, person.login)
            if fault is not None and fault.status == 0:
                self.detach().close()
                return
            self._fail_on_demand(fault)
            self.set_header("X-OAuth-Scopes", ", ".join(grant.scopes))
            self._route(path, grant, person)
        except _RefusalError as error:
            self.set_status(error.status)
            if error.status != 404 or self.request.method != "HEAD":
                self.write({"message": str(error), "status": str(error.status)})

    def _fail_on_demand(self, fault: Fault | None) -> None:
        if fault is None:
            return
        message = "This failure was requested."
        if fault.kind == "primary":
            self.set_header("X-RateLimit-Remaining", "0")
            self.set_header(
                "X-RateLimit-Reset", str(int(time.time()) + (fault.retry_after or 3600))
            )
            message = "API rate limit exceeded for user."
        elif fault.retry_after is not None:
            self.set_header("Retry-After", str(fault.retry_after))
        if fault.kind == "secondary":
            message = "You have exceeded a secondary rate limit. Please wait a few minutes."
        elif fault.kind == "sso":
            self.set_header("X-GitHub-SSO", "required; url=https://github.example/orgs/x/sso")
            message = "Resource protected by organization SAML enforcement."
        raise _RefusalError(fault.status, message)

    def _who(self) -> tuple[Grant, Person]:
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        grant = self.oauth.grant_of(token) if kind.lower() in {"bearer", "token"} else None
        person = self.people.by_id(grant.number) if grant else None
        if grant is None or person is None:
            raise _RefusalError(401, "Bad credentials")
        return grant, person

    def _route(self, path: str, grant: Grant, person: Person) -> None:
        routes: Sequence[tuple[str, set[str], Callable[..., None]]] = (
            (r"/user", set(), self._user),
            (r"/user/emails", {"user", "user:email"}, self._emails),
            (r"/user/orgs", _ORG_SCOPES | {"user"}, self._orgs),
            (r"/user/teams", _ORG_SCOPES | {"repo"}, self._teams),
            (r"/user/memberships/orgs/([^/]+)", _ORG_SCOPES, self._own_membership),
            (r"/user/(\d+)", set(), self._account),
            (r"/orgs/([^/]+)/members/([^/]+)", _ORG_SCOPES, self._member),
            (r"/orgs/([^/]+)/memberships/([^/]+)", _ORG_SCOPES, self._membership),
            (r"/orgs/([^/]+)/teams/([^/]+)/members/([^/]+)", _ORG_SCOPES, self._team_member),
            (
                r"/orgs/([^/]+)/teams/([^/]+)/memberships/([^/]+)",
                _ORG_SCOPES,
                self._team_membership,
            ),
        )
        for pattern, scopes, answer in routes:
            match = re.fullmatch(pattern, path)
            if match:
                if scopes and not scopes & set(grant.scopes):
                    self.set_header("X-Accepted-OAuth-Scopes", ", ".join(sorted(scopes)))
                    raise _RefusalError(403, "Resource not accessible: missing scope.")
                answer(person, *match.groups())
                return
        raise _RefusalError(404, "Not Found")

    # --- endpoints

    def _user(self, person: Person) -> None:
        self.write(_account(person))

    def _account(self, _: Person, number: str) -> None:
        found = self.people.by_id(int(number))
        if found is None:
            raise _RefusalError(404, "Not Found")
        self.write(_account(found))

    def _emails(self, person: Person) -> None:
        address = f"{person.login}@demo.invalid"
        entry: dict[str, JsonValue] = {
            "email": address,
            "primary": True,
            "verified": True,
            "visibility": None,
        }
        self._page([entry])

    def _orgs(self, person: Person) -> None:
        self._page([_organization(name) for name in person.organizations])

    def _teams(self, person: Person) -> None:
        entries: list[dict[str, JsonValue]] = []
        for number, team in enumerate(sorted(person.teams), 1):
            organization, _, slug = team.partition(":")
            entries.append(
                {
                    "id": number,
                    "slug": slug,
                    "name": slug,
                    "organization": _organization(organization),
                }
            )
        self._page(entries)

    def _own_membership(self, person: Person, organization: str) -> None:
        self._answer_membership(organization in person.organizations, person)

    def _member(self, _: Person, organization: str, login: str) -> None:
        found = self.people.by_login(login)
        if found is None or organization not in found.organizations:
            raise _RefusalError(404, "Not Found")
        self.set_status(204)

    def _membership(self, _: Person, organization: str, login: str) -> None:
        found = self.people.by_login(login)
        self._answer_membership(found is not None and organization in found.organizations, found)

    def _team_member(self, _: Person, organization: str, slug: str, login: str) -> None:
        found = self.people.by_login(login)
        if found is None or f"{organization}:{slug}" not in found.teams:
            raise _RefusalError(404, "Not Found")
        self.set_status(204)

    def _team_membership(self, _: Person, organization: str, slug: str, login: str) -> None:
        found = self.people.by_login(login)
        is_member = found is not None and f"{organization}:{slug}" in found.teams
        self._answer_membership(is_member, found)

    def _answer_membership(self, is_member: bool, person: Person | None) -> None:
        if not is_member or person is None:
            raise _RefusalError(404, "Not Found")
        self.write({"state": "active", "role": "member", "user": {"login": person.login}})

    def _page(self, entries: list[dict[str, JsonValue]]) -> None:
        """Write one page of a list, with Link headers to the others."""
        size = min(max(int(self.get_query_argument("per_page", "30")), 1), 100)
        page = max(int(self.get_query_argument("page", "1")), 1)
        last = max(-(-len(entries) // size), 1)
        links = {"next": page + 1, "last": last} if page < last else {}
        links |= {"prev": page - 1, "first": 1} if page > 1 else {}
        if links:
            base = f"{self.request.protocol}://{self.request.host}{self.request.path}"
            self.set_header(
                "Link",
                ", ".join(
                    f'<{base}?{urlencode({"per_page": size, "page": number})}>; rel="{rel}"'
                    for rel, number in links.items()
                ),
            )
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.write(json_encode(entries[(page - 1) * size : page * size]))


def _account(person: Person) -> dict[str, JsonValue]:
    return {
        "login": person.login,
        "id": person.number,
        "node_id": f"U_{person.number}",
        "name": person.name,
        "email": None,
        "type": "User",
        "site_admin": False,
        "avatar_url": "",
    }


def _organization(name: str) -> dict[str, JsonValue]:
    return {"login": name, "id": sum(name.encode()), "description": "A pretend organization."}
