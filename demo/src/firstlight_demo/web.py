"""The page to choose a pretend person, and the token endpoint."""

from __future__ import annotations

from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from tornado.web import RequestHandler

from firstlight_demo.oauth import OAuth, OAuthError
from firstlight_demo.people import People

__all__ = ["AuthorizeHandler", "IndexHandler", "TokenHandler"]

_ASKED = (
    "client_id",
    "redirect_uri",
    "state",
    "scope",
    "code_challenge",
    "code_challenge_method",
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


class _Page(RequestHandler):
    people: People
    oauth: OAuth

    def initialize(self, people: People, oauth: OAuth) -> None:
        self.people = people
        self.oauth = oauth

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, OAuthError):
            self.set_status(400 if error.code != "application_not_found" else 404)
        message = str(error) if isinstance(error, OAuthError) else f"Error {status_code}."
        self.render("error.html", message=message)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if not isinstance(value, OAuthError):
            super().log_exception(typ, value, tb)


class IndexHandler(_Page):
    """The page that explains what this server is."""

    def get(self) -> None:
        """Show the page to a browser."""
        self.render("index.html", people=self.people.everybody())


class AuthorizeHandler(_Page):
    """The handler of ``/login/oauth/authorize``, where people choose whom to log in as."""

    def _asked(self) -> dict[str, str]:
        asked = {name: self.get_argument(name, "") for name in _ASKED}
        self.oauth.check_client(asked["client_id"], asked["redirect_uri"])
        if asked["code_challenge"] and asked["code_challenge_method"] != "S256":
            raise OAuthError("invalid_request", "Only the code challenge method S256 is supported.")
        return asked

    def get(self) -> None:
        """Show the people to choose from."""
        # Relative, so that the form works behind a proxy as well as directly.
        self.render(
            "authorize.html",
            people=self.people.everybody(),
            asked=self._asked(),
            action="authorize",
        )

    def post(self) -> None:
        """Log the chosen person in and go back to the application."""
        asked = self._asked()
        person = self.people.by_login(self.get_body_argument("login"))
        if person is None:
            raise OAuthError("access_denied", "There is nobody with that login.")
        code = self.oauth.authorize(
            person.number, asked["scope"], asked["code_challenge"], asked["redirect_uri"]
        )
        answer = urlencode({"code": code, "state": asked["state"]})
        self.redirect(f"{self.oauth.callback}?{answer}")


class TokenHandler(RequestHandler):
    """The handler of ``/login/oauth/access_token``, which exchanges a code for a token."""

    def initialize(self, oauth: OAuth) -> None:
        """Receive the objects that the handlers share."""
        self.oauth = oauth

    def check_xsrf_cookie(self) -> None:
        """Accept requests without a cookie, since programs call this."""

    def post(self) -> None:
        """Exchange a code; like GitHub, answer a refusal with status 200 and an ``error``."""
        try:
            token, grant = self.oauth.exchange(
                self.get_argument("client_id", ""),
                self.get_argument("client_secret", ""),
                self.get_argument("code", ""),
                self.get_argument("code_verifier", ""),
            )
        except OAuthError as error:
            self._answer({"error": error.code, "error_description": str(error)})
            return
        scope = ",".join(grant.scopes)
        self._answer({"access_token": token, "token_type": "bearer", "scope": scope})

    def _answer(self, fields: dict[str, str]) -> None:
        if "json" in self.request.headers.get("Accept", ""):
            self.write(dict(fields))
            return
        self.set_header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
        self.write(urlencode(fields))
