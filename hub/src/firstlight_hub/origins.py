"""Where each lab is, and which routes the proxy needs for that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from firstlight_common.origins import reachable
from firstlight_hub.components.builtin import HUB

if TYPE_CHECKING:
    from firstlight_common.origins import Origins
    from firstlight_common.runtime import Runtime

__all__ = ["LabHosts", "routes"]

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class LabHosts:
    """``c.JupyterHub.subdomain_hook``: the host of each person's lab.

    Notes
    -----
    A name that is a DNS label is its own label; any other becomes part of a label with ``--`` and
    a hash in it, which no name keeps. JupyterHub's own hook shortens the hash to 28 bits, for which
    somebody can find a name that shares another's host; and it knows neither a domain of labs that
    is not the hub's, nor that no lab may have the hub's host.
    """

    origins: Origins

    def __call__(self, name: str, domain: str, kind: str) -> str:
        """Return the host of a user's lab; services have no host of their own."""
        if kind != "user":
            return domain
        host = f"{name}.{self.origins.labs_domain}"
        kept = _LABEL.fullmatch(name) and "--" not in name and not name.isdigit()
        if kept and host != self.origins.host:
            return host
        legible = "".join(re.findall("[a-z0-9]", name.lower()))[:20] or "x"
        digest = sha256(name.encode()).hexdigest()[:32]
        return f"u-{legible}--{digest}.{self.origins.labs_domain}"


def routes(runtime: Runtime) -> dict[str, str]:
    """Return the addresses of the components, by their path at the proxy.

    With host routing, paths begin with a host: the main one, and this machine's, where health
    checks and programs with a token ask. Every other host is the hub's, for labs that do not run.
    """
    paths = {path: component.url for component in runtime.running() for path in component.paths}
    if not runtime.labs_domain:
        # The hub adds the route to itself.
        return {path: url for path, url in paths.items() if path != HUB.path}
    main = urlsplit(runtime.public_url).hostname or ""
    hosts = (main, "127.0.0.1", "localhost", reachable(runtime.bind))
    return {
        f"{_at_proxy(host)}{path}": url
        for host in dict.fromkeys(hosts)
        for path, url in paths.items()
    }


def _at_proxy(host: str) -> str:
    """Return a host as the proxy reads it: only up to the first colon, ``[`` for IPv6."""
    return "[" if ":" in host else host
