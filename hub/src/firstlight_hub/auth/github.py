"""Log in with GitHub, and stay in only as long as the lists and GitHub say so."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.oauth2 import OAuthCallbackHandler
from tornado.httpclient import HTTPClientError
from traitlets import Float, Unicode, default

from firstlight_hub.auth.base import PeopleAuthenticator
from firstlight_hub.auth.github_api import GitHubApi, GitHubAway, GitHubRefused
from firstlight_hub.auth.models import Decision, Identity
from firstlight_hub.auth.policy import decide
from firstlight_hub.auth.refusals import refusal
from firstlight_hub.people.models import Person

__all__ = ["GITHUB", "FirstLightGitHubAuthenticator"]

GITHUB = "github"
"""The provider of people who come from GitHub."""

_PAUSE = 30.0
"""Seconds not to ask again after GitHub was away, so that pages stay quick meanwhile."""


class CallbackHandler(OAuthCallbackHandler):
    """Where GitHub sends people back to."""

    def check_error(self) -> None:
        """Say it plainly when somebody pressed Cancel."""
        if self.get_argument("error", "") == "access_denied":
            raise refusal(403, "You did not let us see who you are on GitHub, so nobody is in.")
        super().check_error()


class FirstLightGitHubAuthenticator(PeopleAuthenticator, GitHubOAuthenticator):
    """GitHub login with allow-lists that hold at every check, not only at the first.

    Notes
    -----
    Upstream's refresh fetches groups again, but asks no list again, and turns everybody away when
    GitHub is down. Here `update_auth_model` decides, at login and at each refresh; and while GitHub
    is away the last memberships that it confirmed are decided on, for `outage_grace`.
    """

    callback_handler = CallbackHandler

    outage_grace = Float(
        4 * 3600.0, config=True, help="Seconds that people stay in while GitHub is away."
    )
    client_secret_file = Unicode(
        "", config=True, help="A file with the client secret; else GITHUB_CLIENT_SECRET has it."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._ask_again = 0.0

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
        """GitHub's REST interface."""
        return GitHubApi(self.github_api, self.http_client)

    async def authenticate(
        self, handler: Any, data: dict[str, str] | None = None, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Log somebody in."""
        try:
            return await super().authenticate(handler, data, **kwargs)
        except GitHubAway as error:
            self.log.warning("GitHub is away during a login: %s", error)
            message = "GitHub does not answer just now. Please try again in a minute."
            raise refusal(503, message) from error
        except GitHubRefused as error:
            self.log.warning("GitHub refused during a login: %s", error)
            message = "GitHub did not confirm who you are. Please log in again."
            raise refusal(403, message) from error

    async def get_token_info(self, handler: Any, params: dict[str, str]) -> dict[str, Any]:
        """Exchange the code that GitHub sent along for a token."""
        try:
            info: dict[str, Any] = await super().get_token_info(handler, params)
        except HTTPClientError as error:
            if error.code == 429 or error.code >= 500:
                raise GitHubAway(f"{error.code}") from error
            raise GitHubRefused(f"{error.code}") from error
        except (OSError, ValueError) as error:
            raise GitHubAway(f"no answer ({error})") from error
        return info

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Ask GitHub who somebody is."""
        return await self.api.user(token_info["access_token"])

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Give a first name; `update_auth_model` puts the person's own in its place."""
        return str(user_info["login"]).lower()

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Ask for memberships, decide, and note who is let in."""
        state = auth_model["auth_state"]
        user, token = state[self.user_auth_state_key], state["access_token"]
        organizations: list[str] = []
        teams: list[str] = []
        if self.lists.needs_memberships:
            teams = await self.api.teams(token)
            organizations = await self.api.organizations(token)
        identity = Identity.of(user["login"], str(user["id"]), organizations, teams)
        decision = self.decide(identity)
        auth_model |= {"decision": decision, "admin": decision.admin}
        if not decision.allowed:
            if decision.code == "blocked":
                self.people.remember_blocked(GITHUB, identity.subject, identity.login)
            return auth_model
        person = self.people.admit(
            GITHUB,
            identity.subject,
            identity.login,
            str(user.get("name") or ""),
            taken=self.is_hub_user,
        )
        auth_model["name"] = person.username
        auth_model["auth_state"] = {
            key: state[key] for key in ("access_token", "refresh_token", "token_response")
        } | {
            "provider": GITHUB,
            "uid": person.uid,
            "login": identity.login,
            "subject": identity.subject,
            "organizations": sorted(identity.organizations),
            "teams": sorted(identity.teams),
            "groups": sorted(decision.groups),
            "last_good": time.time(),
        }
        return auth_model

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Give the hub groups: the teams in the organizations that the lists name."""
        return set(auth_state.get("groups", ()))

    def decide(self, identity: Identity) -> Decision:
        """Decide about somebody, knowing the logins that their account had."""
        logins = self.people.logins(GITHUB, identity.subject, identity.login)
        known = replace(identity, seen_logins=logins.seen, own_logins=logins.own)
        return decide(self.lists, known, self.contact)

    async def refresh_from_provider(self, user: Any, person: Person, handler: Any) -> Any:
        """Check somebody of GitHub again."""
        state = await user.get_auth_state()
        if person.provider != GITHUB or not state or not state.get("access_token"):
            return False
        try:
            model = await self._ask(user, state, handler)
        except GitHubAway as error:
            return self._bridge(user.name, state, error)
        except GitHubRefused as error:
            self.log.warning("GitHub no longer vouches for %s: %s", user.name, error)
            return False
        if not model["decision"].allowed:
            self.log.warning("Off the lists: %s (%s)", user.name, model["decision"].code)
            return False
        return model if model["name"] == user.name else False

    async def _ask(self, user: Any, state: dict[str, Any], handler: Any) -> dict[str, Any]:
        """Ask GitHub about somebody, with a fresh token if the old one ran out."""
        if time.monotonic() < self._ask_again:
            raise GitHubAway("it was a moment ago")
        try:
            try:
                return await self.model_of(state["token_response"])
            except GitHubRefused:
                if not state.get("refresh_token"):
                    raise
            params = self.build_refresh_token_request_params(state["refresh_token"])
            info = await self.get_token_info(handler, params)
            model = await self.model_of({"refresh_token": state["refresh_token"]} | info)
        except GitHubAway:
            self._ask_again = time.monotonic() + _PAUSE
            raise
        # The old ones are of no use any more, to whoever checks this person next.
        if model["decision"].allowed:
            await user.save_auth_state(model["auth_state"])
        return model

    async def model_of(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Ask GitHub about a token's owner, and decide."""
        user = await self.token_to_user(token_info)
        state = self.build_auth_state_dict(token_info, user)
        name = self.user_info_to_username(user)
        model = await self.update_auth_model({"name": name, "admin": None, "auth_state": state})
        model["groups"] = sorted(await self.get_user_groups(model["auth_state"]))
        return model

    def _bridge(self, name: str, state: dict[str, Any], error: GitHubAway) -> bool:
        """Decide on what GitHub said last, for as long as that may count."""
        age = time.time() - float(state.get("last_good", 0))
        identity = Identity.of(
            state["login"], state["subject"], state["organizations"], state["teams"]
        )
        stays = age <= self.outage_grace and self.decide(identity).allowed
        self.log.warning(
            "GitHub is away (%s); %s was last confirmed %d s ago and %s",
            error,
            name,
            age,
            "stays" if stays else "is out",
        )
        return stays
