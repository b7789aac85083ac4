"""Log in with GitHub, and keep access only as long as the lists and GitHub allow it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from oauthenticator.github import GitHubOAuthenticator
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import Float, Unicode, default

from firstlight_hub.auth.auth_model import AuthModel
from firstlight_hub.auth.base import PeopleAuthenticator
from firstlight_hub.auth.github_answers import Kind, Reading, Waiting, classify, wait_again
from firstlight_hub.auth.github_api import (
    GitHubApi,
    GitHubError,
    GitHubLimitedError,
    GitHubRefusedError,
    GitHubUnavailableError,
    GitHubUser,
    error_for,
    outage,
)
from firstlight_hub.auth.models import Decision, Identity
from firstlight_hub.auth.oauth_handlers import CallbackHandler, LoginHandler
from firstlight_hub.auth.policy import decide
from firstlight_hub.auth.refusals import refusal
from firstlight_hub.people.models import Person
from firstlight_hub.people.store import PeopleStore
from firstlight_hub.protocols import AuthState, HubUser, TokenResponse

if TYPE_CHECKING:
    from jupyterhub.handlers import BaseHandler

__all__ = ["GITHUB", "FirstLightGitHubAuthenticator"]

GITHUB = "github"
"""The provider of people who log in with GitHub."""

_PAUSE = 30.0
"""Seconds to wait after GitHub was unavailable, so that pages stay fast in the meantime."""


class OAuthState(TypedDict):
    """What oauthenticator knows after a login (``build_auth_state_dict``)."""

    access_token: str
    refresh_token: str | None
    token_response: TokenResponse
    github_user: GitHubUser


class OAuthModel(TypedDict):
    """What oauthenticator passes to ``update_auth_model``."""

    name: str
    admin: bool | None
    auth_state: OAuthState


class FirstLightGitHubAuthenticator(PeopleAuthenticator, GitHubOAuthenticator):
    """GitHub login with allow-lists that apply at every check, not only at the first.

    Notes
    -----
    Upstream's refresh fetches groups again, but does not check the lists again, and refuses
    everybody when GitHub is down. Here `update_auth_model` decides, at login and at each refresh;
    while GitHub is unavailable, the last memberships that it confirmed count, for `outage_grace`.
    A limit on one person's requests is no outage: see `github_answers`.
    """

    login_handler = LoginHandler
    callback_handler = CallbackHandler

    outage_grace = Float(
        4 * 3600.0, config=True, help="Seconds that people keep access while GitHub is unavailable."
    )
    client_secret_file = Unicode(
        "",
        config=True,
        help="A file with the client secret; if empty, GITHUB_CLIENT_SECRET is used.",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._ask_again = 0.0
        self._waiting: dict[str, Waiting] = {}
        # The default reads a file: now, and not during the first login.
        _ = self.client_secret

    @default("scope")
    def _only_what_the_lists_need(self) -> list[str]:
        return ["read:org"] if self.lists.needs_memberships else []

    @default("client_secret")
    def _secret_from_file(self) -> str:
        if self.client_secret_file:
            return Path(self.client_secret_file).read_text(encoding="utf-8").strip()
        return str(super()._client_secret_default())

    @property
    def api(self) -> GitHubApi:
        """The client of GitHub's REST interface."""
        return GitHubApi(self.github_api, self.http_client)

    async def authenticate(
        self, handler: BaseHandler, data: Mapping[str, str] | None = None
    ) -> AuthModel | None:
        """Log a person in, by a one-time link or with GitHub."""
        try:
            return await super().authenticate(handler, data)
        except GitHubError as error:
            self.log.warning("A login failed at GitHub: %s", error)
            meaning = error.reading.meaning
            raise refusal(
                meaning.login_status, meaning.sentence, retry_after=error.reading.wait
            ) from error

    async def get_token_info(
        self, handler: BaseHandler | None, params: Mapping[str, str]
    ) -> TokenResponse:
        """Exchange the code that GitHub issued for a token."""
        try:
            info: TokenResponse = await super().get_token_info(handler, params)
        except HTTPClientError as error:
            raise _error_of(error) from error
        except HTTPError as error:
            # oauthenticator's: GitHub answers 200 with an error, or with nonsense.
            raise (
                GitHubRefusedError(Reading(Kind.BAD_TOKEN, str(error.log_message)))
                if error.status_code == 403
                else GitHubUnavailableError(outage("unexpected answer of the token address"))
            ) from error
        except (OSError, ValueError) as error:
            raise GitHubUnavailableError(outage(f"no answer ({error})")) from error
        return info

    async def token_to_user(self, token_info: TokenResponse) -> GitHubUser:
        """Return the GitHub account of a token's owner."""
        return await self.api.user(token_info["access_token"])

    def user_info_to_username(self, user_info: GitHubUser) -> str:
        """Return a provisional name; `update_auth_model` replaces it with the person's own."""
        return user_info["login"].lower()

    async def update_auth_model(self, auth_model: OAuthModel) -> AuthModel:
        """Fetch memberships, decide, and record who has access."""
        state = auth_model["auth_state"]
        user, token = state["github_user"], state["access_token"]
        organizations: list[str] = []
        teams: list[str] = []
        if self.lists.needs_memberships:
            teams = await self.api.teams(token)
            organizations = await self.api.organizations(token)
        identity = Identity.of(user["login"], str(user["id"]), organizations, teams)
        decision = await self.decide(identity)
        tokens: AuthState = {
            "access_token": token,
            "refresh_token": state["refresh_token"],
            "token_response": state["token_response"],
        }
        if not decision.allowed:
            if decision.code == "blocked":
                await self.ask_people(
                    PeopleStore.record_blocked, GITHUB, identity.subject, identity.login
                )
            return {
                "name": auth_model["name"],
                "admin": decision.admin,
                "auth_state": tokens,
                "decision": decision,
            }
        person = await self.ask_people(
            PeopleStore.admit,
            GITHUB,
            identity.subject,
            identity.login,
            user.get("name") or "",
            taken=self.names_in_use(identity.login, identity.subject),
        )
        return {
            "name": person.username,
            "admin": decision.admin,
            "auth_state": {
                **tokens,
                "provider": GITHUB,
                "uid": person.uid,
                "login": identity.login,
                "subject": identity.subject,
                "organizations": sorted(identity.organizations),
                "teams": sorted(identity.teams),
                "groups": sorted(decision.groups),
                "last_good": time.time(),
            },
            "decision": decision,
        }

    async def get_user_groups(self, auth_state: AuthState) -> set[str]:
        """Return the hub groups: the teams in the organizations that the lists name."""
        return set(auth_state.get("groups", ()))

    async def decide(self, identity: Identity) -> Decision:
        """Decide about a person, given the logins that their account has had."""
        logins = await self.ask_people(PeopleStore.logins, GITHUB, identity.subject, identity.login)
        known = replace(identity, seen_logins=logins.seen, own_logins=logins.own)
        return decide(self.lists, known, self.contact)

    async def refresh_from_provider(
        self, user: HubUser, person: Person, handler: BaseHandler | None
    ) -> bool | AuthModel:
        """Check a person who logs in with GitHub again."""
        state = await user.get_auth_state()
        if person.provider != GITHUB or not state or not state.get("access_token"):
            return False
        waiting = self._waiting.get(user.name)
        if waiting and time.monotonic() < waiting.retry_at:
            return await self._bridge(user.name, state, "their requests are limited")
        try:
            model = await self._ask(user, state, handler)
        except GitHubUnavailableError as error:
            return await self._bridge(user.name, state, error)
        except GitHubLimitedError as error:
            return await self._wait(user.name, state, error)
        except GitHubRefusedError as error:
            self.log.warning("GitHub no longer vouches for %s: %s", user.name, error)
            self._waiting.pop(user.name, None)
            return False
        self._waiting.pop(user.name, None)
        if not model["decision"].allowed:
            self.log.warning("No longer allowed: %s (%s)", user.name, model["decision"].code)
            return False
        return model if model["name"] == user.name else False

    async def _ask(self, user: HubUser, state: AuthState, handler: BaseHandler | None) -> AuthModel:
        """Ask GitHub about a person, with a fresh token if the old one has expired."""
        if time.monotonic() < self._ask_again:
            raise GitHubUnavailableError(outage("it was a moment ago"))
        try:
            try:
                return await self.model_of(state["token_response"])
            except GitHubRefusedError as error:
                refresh_token = state.get("refresh_token")
                if not refresh_token or error.reading.kind is not Kind.BAD_TOKEN:
                    raise
            params = self.build_refresh_token_request_params(refresh_token)
            info = await self.get_token_info(handler, params)
            model = await self.model_of({"refresh_token": refresh_token, **info})
        except GitHubUnavailableError:
            self._ask_again = time.monotonic() + _PAUSE
            raise
        # The old tokens are invalid now: store the new ones for the next check.
        if model["decision"].allowed:
            await user.save_auth_state(model["auth_state"])
        return model

    async def model_of(self, token_info: TokenResponse) -> AuthModel:
        """Ask GitHub about a token's owner, and decide."""
        user = await self.token_to_user(token_info)
        state = self.build_auth_state_dict(token_info, user)
        name = self.user_info_to_username(user)
        model = await self.update_auth_model({"name": name, "admin": None, "auth_state": state})
        model["groups"] = sorted(await self.get_user_groups(model["auth_state"]))
        return model

    async def _wait(self, name: str, state: AuthState, error: GitHubLimitedError) -> bool:
        """Keep a person whose requests GitHub limits until their check can be repeated."""
        previous = self._waiting.pop(name, None)
        waiting = wait_again(previous, error.reading.wait, time.monotonic())
        if waiting is None:
            self.log.warning("GitHub still limits the requests of %s: access ends", name)
            return False
        self._waiting[name] = waiting
        return await self._bridge(name, state, error)

    async def _bridge(self, name: str, state: AuthState, why: GitHubError | str) -> bool:
        """Decide by what GitHub confirmed last, for as long as that may count."""
        age = time.time() - state.get("last_good", 0.0)
        identity = Identity.of(
            state["login"], state["subject"], state["organizations"], state["teams"]
        )
        stays = age <= self.outage_grace and (await self.decide(identity)).allowed
        self.log.warning(
            "GitHub did not confirm %s (%s); they were last confirmed %d s ago and %s access",
            name,
            why,
            age,
            "keep" if stays else "lose",
        )
        return stays


def _error_of(error: HTTPClientError) -> GitHubError:
    """Return what an error of the token address stands for."""
    if error.response is None:
        return GitHubUnavailableError(outage(f"no answer ({error})"))
    answer = error.response
    reading = classify(answer.code, answer.headers, answer.body or b"", time.time())
    return error_for(reading) or GitHubUnavailableError(outage("unexpected answer"))
