"""The three questions that we ask GitHub, and what its answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

__all__ = ["GitHubApi", "GitHubAway", "GitHubRefused"]

_MAX_PAGES = 50
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class GitHubAway(Exception):  # noqa: N818
    """GitHub does not answer, answers 5xx, or will not answer just now (rate limits)."""


class GitHubRefused(Exception):  # noqa: N818
    """GitHub answers, and does not accept the person's token or its scopes."""


class GitHubApi:
    """Read who somebody is and where they are a member.

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

    async def user(self, token: str) -> dict[str, Any]:
        """Ask who the token's owner is."""
        answer, _ = await self._get(f"{self._url}/user", token)
        if not isinstance(answer, dict) or not answer.get("login") or not answer.get("id"):
            raise GitHubAway("an answer without login or id")
        return answer

    async def organizations(self, token: str) -> list[str]:
        """Ask for the organizations of the token's owner."""
        found = await self._pages("/user/orgs?per_page=100", token)
        return [item["login"] for item in found]

    async def teams(self, token: str) -> list[str]:
        """Ask for the teams of the token's owner, as ``organization:team``."""
        found = await self._pages("/user/teams?per_page=100", token)
        return [f"{item['organization']['login']}:{item['slug']}" for item in found]

    async def _pages(self, path: str, token: str) -> list[dict[str, Any]]:
        url: str | None = self._url + path
        items: list[dict[str, Any]] = []
        for _ in range(_MAX_PAGES):
            if url is None:
                return items
            answer, link = await self._get(url, token)
            if not isinstance(answer, list):
                raise GitHubAway("an answer that is no list")
            items += answer
            url = self._next(link)
        raise GitHubAway(f"more than {_MAX_PAGES} pages")

    def _next(self, link: str) -> str | None:
        """Find the next page; the token only ever goes to GitHub itself."""
        match = _NEXT.search(link)
        if match is None:
            return None
        if urlsplit(match[1])[:2] != urlsplit(self._url)[:2]:
            raise GitHubAway("a next page on another site")
        return match[1]

    async def _get(self, url: str, token: str) -> tuple[Any, str]:
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
            raise GitHubAway(f"no answer ({error})") from error
        _judge(response)
        try:
            return json.loads(response.body), response.headers.get("Link", "")
        except ValueError as error:
            raise GitHubAway("an answer that is no JSON") from error


def _judge(response: HTTPResponse) -> None:
    """Sort the answers.

    Notes
    -----
    GitHub refuses for its rate limits with 429 or 403, the latter marked by its headers or, for
    secondary limits, only by its text
    (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
    """
    status = response.code
    if status == 200:
        return
    if status in (401, 404) or (status == 403 and not _is_rate_limit(response)):
        raise GitHubRefused(f"{status}")
    raise GitHubAway(f"{status}")


def _is_rate_limit(response: HTTPResponse) -> bool:
    headers: Mapping[str, str] = response.headers
    marked = headers.get("Retry-After") or headers.get("X-RateLimit-Remaining") == "0"
    return bool(marked) or b"rate limit" in (response.body or b"").lower()
