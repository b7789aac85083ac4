"""The site's origins: the main one, and those of the labs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["HOST_PREFIX", "Origins", "host_cookies", "reachable"]

HOST_PREFIX = "__Host-"
"""How the name of a cookie begins that no other host can set, not even one of the same site."""

_LOOPBACK = {"127.0.0.1", "::1"}


@dataclass(frozen=True)
class Origins:
    """Where the site and its labs are.

    Attributes
    ----------
    main
        Scheme, host and port of everything but labs; no slash at its end.
    labs_domain
        The domain below which each lab has a host of its own; empty: labs share the main origin.
    """

    main: str
    labs_domain: str = ""

    @property
    def host(self) -> str:
        """The main host, without a port."""
        return urlsplit(self.main).hostname or ""

    @property
    def labs(self) -> str:
        """Scheme, labs' domain and port; empty if labs share the main origin."""
        if not self.labs_domain:
            return ""
        parts = urlsplit(self.main)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{self.labs_domain}{port}"

    @property
    def all_labs(self) -> str:
        """The labs' origins as a source of a Content-Security-Policy; empty if they share ours."""
        return self.labs.replace("://", "://*.", 1)

    @property
    def summary(self) -> str:
        """Where labs are and what that means, in a sentence for the operator."""
        if not self.labs_domain:
            return (
                "labs share the hub's origin: a page that somebody's lab serves can act for "
                "whoever opens it"
            )
        return f"each lab has a host of its own: {self.all_labs}"

    @property
    def remedy(self) -> str:
        """What the operator can do about `summary`; empty if there is nothing to do."""
        if self.labs_domain:
            return ""
        return "Set labs.domain to a domain for labs alone: docs/how-to/labs-domain.md"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the site over HTTPS."""
        return urlsplit(self.main).scheme == "https"

    @property
    def is_trustworthy(self) -> bool:
        """Whether browsers treat the main origin as secure: over HTTPS, or on this machine."""
        return self.is_https or self.host == "localhost" or self.host in _LOOPBACK

    @property
    def cookies_have_prefix(self) -> bool:
        """Whether cookies of the main host have the ``__Host-`` prefix.

        Such cookies are sent to every path of their host, so no lab may be there.
        """
        return self.is_https and bool(self.labs_domain)

    def is_lab(self, host: str) -> bool:
        """Return whether the host of a request, with or without a port, is a lab's."""
        name = _name(host)
        below = bool(self.labs_domain) and name.endswith(f".{self.labs_domain}")
        return below and name != self.host

    def is_alias(self, host: str) -> bool:
        """Return whether a host is another name of ``localhost``, for which cookies do not hold."""
        return self.host == "localhost" and _name(host) in _LOOPBACK

    def moved(self, host: str, method: str, headers: Mapping[str, str]) -> bool:
        """Return whether to redirect a request to the main host.

        That is a person's browser at ``127.0.0.1``; programs with a token are served there too.
        """
        if method not in {"GET", "HEAD"} or not self.is_alias(host) or "Authorization" in headers:
            return False
        mode = headers.get("Sec-Fetch-Mode")
        return mode == "navigate" or (mode is None and "text/html" in headers.get("Accept", ""))


def reachable(bind: str) -> str:
    """Return the address at which this machine reaches what listens on an address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104


def _name(host: str) -> str:
    # A name with a dot at its end means the same host.
    return (urlsplit(f"//{host}").hostname or "").removesuffix(".")


def host_cookies(header: str) -> str:
    """Return a ``Cookie`` header with only the cookies that have the prefix, with and without it.

    Whatever has no prefix may have been set by another host of the same site.
    """
    ours = [pair for part in header.split(";") if (pair := part.strip()).startswith(HOST_PREFIX)]
    return "; ".join([*ours, *(pair.removeprefix(HOST_PREFIX) for pair in ours)])
