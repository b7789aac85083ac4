"""What a component is: the description that its own package supplies, as data.

Notes
-----
A package offers its component under the entry point group `ENTRY_POINTS`. The hub's registry
(`firstlight_hub.components`) collects them, and everything that has to know what the platform is
made of reads the registry's result, ``run/runtime.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pydantic import JsonValue

    from firstlight_common.section import Section

__all__ = ["ENTRY_POINTS", "Component", "HubService", "Overlay", "Page"]

ENTRY_POINTS = "firstlight.components"
"""The entry point group whose values are a `Component` each."""


@dataclass(frozen=True, kw_only=True)
class HubService:
    """The role of a component at the hub: a service with a token, an OAuth client and a scope.

    Attributes
    ----------
    allows
        What its scope allows, for the tokens page: ``use the catalogs``.
    acts_at
        Names of services that it calls on a person's behalf.
    """

    allows: str = ""
    acts_at: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page for people, to which the hub's pages link.

    Attributes
    ----------
    title
        Its name in menus.
    description
        A sentence about what it is for.
    path
        Its path below the component's.
    needs
        Names of components without which there is nothing to see.
    """

    title: str
    description: str
    path: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """Defaults and overrides that a component adds to ``platform.yaml`` while it runs.

    Attributes
    ----------
    under
        Defaults, for what ``platform.yaml`` does not set.
    over
        Overrides, whatever ``platform.yaml`` sets.
    """

    under: Mapping[str, JsonValue] = field(default_factory=dict)
    over: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Component:
    """One process of the platform.

    Attributes
    ----------
    name
        Its name: of its log, its secret, its section ``services.NAME`` and its service at the hub.
    title
        Its title on the status panel; if empty, it is not shown there.
    path
        Its public path with both slashes; empty if it has none.
    more_paths
        Further public paths that lead to it.
    command
        Argument list that starts it; never holds a secret.
    prepare
        Argument list of a program that must succeed before the component is started; its output
        is shown.
    health
        An address that returns 200 while it is healthy, or ``unix:`` and the path of a socket that
        it listens on.
    environment
        Variables that it needs besides the common ones.
    passed_on
        Variables of the operator's environment that it gets if they are set.
    secrets
        Variable → name of the secret that it holds.
    secret_files
        Names of secrets that it reads from their files.
    hub_service
        Its role at the hub, if it is a service there.
    page
        The page that people open, if it has one.
    settings
        The model of its section ``services.NAME`` in ``platform.yaml``, if it has one.
    overlay
        Settings that hold while it runs.
    runs
        ``always``; ``enabled``: unless its settings say ``enabled: false``; ``demo``: with
        ``--demo`` only.

    Notes
    -----
    Strings may have `str.format` placeholders for what a run decides: ``{port}``,
    ``{url}`` and ``{path}`` of the component itself, ``{ports[NAME]}`` and ``{urls[NAME]}`` of any,
    ``{public_url}``, ``{public_port}``, ``{entrance}`` (the public port on this machine),
    ``{front}`` and ``{front_path}`` (URL and path of the component that serves ``/``),
    ``{error_pages}`` (URL of the component that serves ``/_error/``),
    ``{bind}``, ``{state_dir}``, ``{python}``, ``{labs_python}`` (the interpreter of the labs'
    environment), ``{node}``, ``{proxy}``, ``{host_routing}`` (an option of the proxy).
    An argument of ``command`` that is empty then is left out.
    """

    name: str
    title: str = ""
    path: str = ""
    more_paths: tuple[str, ...] = ()
    command: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    health: str = "{url}{path}healthz"
    environment: Mapping[str, str] = field(default_factory=dict)
    passed_on: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    secret_files: tuple[str, ...] = ()
    hub_service: HubService | None = None
    page: Page | None = None
    settings: type[Section] | None = None
    overlay: Overlay | None = None
    runs: Literal["always", "enabled", "demo"] = "enabled"
