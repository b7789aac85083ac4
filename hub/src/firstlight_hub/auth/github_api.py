"""The three questions that we ask GitHub, and what its answers mean."""

from __future__ import annotations

import re
import time
from typing import Annotated, NotRequired, TypedDict
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from firstlight_hub.auth.github_answers import Kind, Reading, Recheck, classify

__all__ = [
    "GitHubApi",
    "GitHubError",
    "GitHubLimitedError",
    "GitHubRefusedError",
    "GitHubUnavailableError",
    "GitHubUser",
    "error_for",
    "outage",
]

_MAX_PAGES = 50
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class GitHubError(Exception):
    """GitHub did not confirm what it was asked; `reading` says why."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(f"{reading.kind}: {reading.detail}")
        self.reading = reading


class GitHubUnavailableError(GitHubError):
    """GitHub does not answer, or answers nonsense: it is an outage."""


class GitHubLimitedError(GitHubError):
    """GitHub limits the requests of this person."""


class GitHubRefusedError(GitHubError):
    """GitHub answers, and does not accept the person's token or its scopes."""


def outage(detail: str) -> Reading:
    """Return the reading of an outage that is not visible in a status."""
    return Reading(Kind.OUTAGE, detail)


def error_for(reading: Reading) -> GitHubError | None:
    """Return the error that an answer stands for, or None if it confirms something."""
    match reading.meaning.recheck:
        case Recheck.DECIDED:
            return None
        case Recheck.ENDS:
            return GitHubRefusedError(reading)
        case Recheck.WAITS:
            return GitHubLimitedError(reading)
        case Recheck.GRACE:
            return GitHubUnavailableError(reading)


class GitHubUser(TypedDict):
    """What we read of a GitHub account."""

    id: Annotated[int, Field(gt=0)]
    login: Annotated[str, Field(min_length=1)]
    name: NotRequired[str | None]


class _Organization(TypedDict):
    login: str


class _Team(TypedDict):
    slug: str
    organization: _Organization


_USER = TypeAdapter(GitHubUser)
_ORGANIZATIONS = TypeAdapter(list[_Organization])
_TEAMS = TypeAdapter(list[_Team])


class GitHubApi:
    """Read who somebody is and which organizations and teams they belong to.

    Parameters
    ----------
    url
        The REST address, such as ``https://api.github.com``.
    client
        Sends the requests.
    """

    def __init__(self, url: str, client: AsyncHTTPClient) -> None:
        self._url = url.rstrip("/")
        self._client = client

    async def user(self, token: str) -> GitHubUser:
        """Return the owner of a token."""
        user, _ = await self._get(f"{self._url}/user", token, _USER)
        return user

    async def organizations(self, token: str) -> list[str]:
        """Return the organizations of a token's owner."""
        found = await self._pages("/user/orgs?per_page=100", token, _ORGANIZATIONS)
        return [item["login"] for item in found]

    async def teams(self, token: str) -> list[str]:
        """Return the teams of a token's owner, as ``organization:team``."""
        found = await self._pages("/user/teams?per_page=100", token, _TEAMS)
        return [f"{item['organization']['login']}:{item['slug']}" for item in found]

    async def _pages[T](self, path: str, token: str, shape: TypeAdapter[list[T]]) -> list[T]:
        url: str | None = self._url + path
        items: list[T] = []
        for _ in range(_MAX_PAGES):
            if url is None:
                return items
            page, link = await self._get(url, token, shape)
            items += page
            url = self._next(link)
        raise GitHubUnavailableError(outage(f"more than {_MAX_PAGES} pages"))

    def _next(self, link: str) -> str | None:
        """Return the address of the next page; the token only ever goes to GitHub itself."""
        match = _NEXT.search(link)
        if match is None:
            return None
        if urlsplit(match[1])[:2] != urlsplit(self._url)[:2]:
            raise GitHubUnavailableError(outage("the next page is on another site"))
        return match[1]

    async def _get[T](self, url: str, token: str, shape: TypeAdapter[T]) -> tuple[T, str]:
        request = HTTPRequest(
            url,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "User-Agent": "First Light",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            connect_timeout=4,
            request_timeout=8,
            follow_redirects=False,
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError) as error:
            raise GitHubUnavailableError(outage(f"no answer ({error})")) from error
        reading = classify(response.code, response.headers, response.body or b"", time.time())
        if refused := error_for(reading):
            raise refused
        try:
            return shape.validate_json(response.body), response.headers.get("Link", "")
        except ValidationError as error:
            # Only the problem's position: the answer itself is about a person.
            where = error.errors(include_input=False)[0]
            raise GitHubUnavailableError(
                outage(f"unexpected answer ({where['loc']}: {where['type']})")
            ) from None
