"""What GitHub's answers mean for a login and for repeated checks: pure functions.

Notes
-----
GitHub counts requests with an OAuth token for the person whose token it is, together with all of
their other applications and tokens ("your personal rate limit"); only requests without a token are
counted by IP address, and we send none. So a limit concerns one person. See
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "FIRST_WAIT",
    "LIMIT_SECONDS",
    "MEANINGS",
    "MOST_RETRIES",
    "Kind",
    "Meaning",
    "Reading",
    "Recheck",
    "Waiting",
    "classify",
    "wait_again",
]

MOST_RETRIES = 3
"""How often a person's check is repeated while GitHub limits their requests."""

LIMIT_SECONDS = 65 * 60.0
"""How long a limit keeps a person in at most: GitHub's windows last an hour."""

FIRST_WAIT = 60.0
"""How long to wait when GitHub does not say it; doubled with each retry, as GitHub asks for."""


class Kind(StrEnum):
    """What GitHub's answer is."""

    CONFIRMED = "confirmed"
    BAD_TOKEN = "bad token"  # noqa: S105 (a name)
    SINGLE_SIGN_ON = "single sign-on required"
    FORBIDDEN = "forbidden"
    PRIMARY_LIMIT = "primary rate limit"
    SECONDARY_LIMIT = "secondary rate limit"
    OUTAGE = "outage"


class Recheck(StrEnum):
    """What an answer means for the access of the person whom a repeated check is about."""

    DECIDED = "the lists decide"
    ENDS = "ends"
    WAITS = "kept while it is retried"
    GRACE = "kept for the outage grace"


@dataclass(frozen=True)
class Meaning:
    """What an answer means.

    Parameters
    ----------
    login_status
        The HTTP status of a login that ends in it; 0 if the lists decide.
    sentence
        What a person who logs in reads.
    recheck
        What becomes of a person who is checked again.
    pauses_everybody
        Whether other people are not asked about for a moment.
    """

    login_status: int
    sentence: str
    recheck: Recheck
    pauses_everybody: bool = False


_NOT_CONFIRMED = "GitHub did not confirm who you are. Please log in again."
_LIMITED = "GitHub limits the requests that it answers for your account. Please try again later."
_UNAVAILABLE = "GitHub is not answering right now. Please try again in a minute."

MEANINGS: Mapping[Kind, Meaning] = {
    Kind.CONFIRMED: Meaning(0, "", Recheck.DECIDED),
    Kind.BAD_TOKEN: Meaning(403, _NOT_CONFIRMED, Recheck.ENDS),
    Kind.SINGLE_SIGN_ON: Meaning(
        403,
        "Your organization requires single sign-on: open it on GitHub, authorize this site for it, "
        "then log in again.",
        Recheck.ENDS,
    ),
    Kind.FORBIDDEN: Meaning(403, _NOT_CONFIRMED, Recheck.ENDS),
    Kind.PRIMARY_LIMIT: Meaning(503, _LIMITED, Recheck.WAITS),
    Kind.SECONDARY_LIMIT: Meaning(503, _LIMITED, Recheck.WAITS),
    Kind.OUTAGE: Meaning(503, _UNAVAILABLE, Recheck.GRACE, pauses_everybody=True),
}
"""What each kind of answer means; docs/how-to/github-login.md has the same table."""


@dataclass(frozen=True)
class Reading:
    """A classified answer.

    Parameters
    ----------
    kind
        What it is.
    detail
        Status or reason, for the log.
    wait
        After how many seconds GitHub wants to be asked again, if it said so.
    """

    kind: Kind
    detail: str
    wait: float | None = None

    @property
    def meaning(self) -> Meaning:
        """What the answer means."""
        return MEANINGS[self.kind]


def classify(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Reading:
    """Return what an answer is.

    Parameters
    ----------
    status, headers, body
        The answer.
    now
        Seconds since 1970, for ``X-RateLimit-Reset``.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    detail = str(status)
    if status == 200:
        return Reading(Kind.CONFIRMED, detail)
    if status == 401:
        return Reading(Kind.BAD_TOKEN, detail)
    if status in (403, 429):
        return Reading(_kind_of_403(status, fields, body), detail, _wait(fields, now))
    if status == 404:
        return Reading(Kind.FORBIDDEN, detail)
    return Reading(Kind.OUTAGE, detail)


def _kind_of_403(status: int, fields: Mapping[str, str], body: bytes) -> Kind:
    """Tell limits from refusals; a secondary limit may be marked by its text only."""
    if fields.get("x-ratelimit-remaining") == "0":
        return Kind.PRIMARY_LIMIT
    if status == 429 or "retry-after" in fields or b"rate limit" in body.lower():
        return Kind.SECONDARY_LIMIT
    if fields.get("x-github-sso", "").startswith("required"):
        return Kind.SINGLE_SIGN_ON
    return Kind.FORBIDDEN


def _wait(fields: Mapping[str, str], now: float) -> float | None:
    """Return when to ask again: ``Retry-After``, else the reset of an exhausted primary limit."""
    if (after := fields.get("retry-after", "")).isdecimal():
        return float(after)
    reset = fields.get("x-ratelimit-reset", "")
    if fields.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(float(reset) - now, 0.0)
    return None


@dataclass(frozen=True)
class Waiting:
    """A person's check that GitHub's limits hold up; times are monotonic seconds.

    Parameters
    ----------
    since
        When the first limited answer came.
    retry_at
        When to ask again.
    retries
        How often GitHub has been asked again.
    """

    since: float
    retry_at: float
    retries: int = 0


def wait_again(previous: Waiting | None, wait: float | None, now: float) -> Waiting | None:
    """Return when to repeat a check, or None if the person's access ends.

    Parameters
    ----------
    previous
        The wait that ended just now, unless this is the first limited answer.
    wait
        After how many seconds GitHub wants to be asked again, if it said so.
    now
        Monotonic seconds.
    """
    since = previous.since if previous else now
    retries = previous.retries + 1 if previous else 0
    deadline = since + LIMIT_SECONDS
    if retries >= MOST_RETRIES or now >= deadline:
        return None
    seconds = FIRST_WAIT * 2**retries if wait is None else wait
    return Waiting(since, min(now + seconds, deadline), retries)
