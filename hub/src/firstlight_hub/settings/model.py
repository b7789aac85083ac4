"""The typed model of ``platform.yaml``, with a default for everything."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    HttpUrl,
    JsonValue,
    field_validator,
    model_validator,
)

from firstlight_common.section import Section, misfit
from firstlight_common.units import Bytes, Duration, format_duration
from firstlight_hub.settings.datasets import SAMPLE, DataSetSettings
from firstlight_hub.settings.paths import FilePath

__all__ = [
    "Access",
    "Administrators",
    "Branding",
    "GitHub",
    "Identity",
    "LabSize",
    "Labs",
    "Network",
    "Quotas",
    "Reachable",
    "Services",
    "Settings",
    "Site",
    "Spawner",
]

Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$", examples=["octocat"])]
"""A GitHub login: letters, digits and hyphens; accounts managed by a company have an underscore."""

Organization = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$", examples=["lsst"])]
Team = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}:[A-Za-z0-9_.-]{1,100}$",
        examples=["lsst:dp0-users"],
    ),
]
"""A GitHub team, written ``organization:team``."""


class Site(Section):
    """The site's name, address and contact."""

    name: str = Field(
        "First Light",
        description="The site's name, shown on every page.",
        min_length=1,
        max_length=60,
    )
    tagline: str = Field(
        "Images, catalogs and notebooks, side by side.",
        description="One sentence under the name on the landing page.",
        max_length=160,
    )
    public_url: HttpUrl | None = Field(
        None,
        description="The address people use, without a path. Unset: `http://`, `network.bind` and "
        "the port; required if `network.bind` is all addresses.",
        examples=["https://data.lsst.cloud"],
    )
    contact: str = Field(
        "the operator of this site",
        description="Whom people ask if they are refused access: an e-mail address or a few words.",
        examples=["help@data.lsst.cloud"],
    )
    audience: str = Field(
        "People on this site's allow-list.",
        description="Who may use the site, in a sentence for the landing page.",
        examples=["Rubin data-rights holders on the Data Preview 0 list."],
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, url: HttpUrl | None) -> HttpUrl | None:
        if url and (url.path not in (None, "/") or url.query or url.fragment or url.username):
            raise ValueError("write only scheme, host and port, no path, query or login")
        return url


_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*")


class Network(Section):
    """Where the platform listens."""

    bind: str = Field(
        "127.0.0.1",
        description="The address the proxy listens on: an IP address or name of this machine, or "
        "`0.0.0.0` or `::` for all. Anything but loopback is reachable from outside.",
        examples=["192.0.2.7"],
    )

    @field_validator("bind")
    @classmethod
    def _is_an_address(cls, bind: str) -> str:
        with suppress(ValueError):
            return str(ip_address(bind))
        if not _HOST_NAME.fullmatch(bind) or not re.search("[A-Za-z]", bind):
            raise ValueError(
                f'"{bind}" is neither an IP address nor the name of a machine; write it without a '
                "port, which is set by `make up PORT=` or `firstlight up --port`"
            )
        return bind

    @property
    def is_everywhere(self) -> bool:
        """Whether it listens on all addresses of the machine."""
        return self.bind in {"0.0.0.0", "::"}  # noqa: S104


class GitHub(Section):
    """The OAuth application that people log in through."""

    client_id: str = Field(
        description="Client ID of the GitHub OAuth application.", examples=["Iv1.8a61f9b3a7aba766"]
    )
    client_secret_file: FilePath | None = Field(
        None,
        description="A file with the client secret. Unset: the environment's GITHUB_CLIENT_SECRET.",
        examples=["/etc/firstlight/github-client-secret"],
    )
    url: HttpUrl = Field(
        HttpUrl("https://github.com"), description="Address of GitHub or GitHub Enterprise."
    )
    api_url: HttpUrl = Field(
        HttpUrl("https://api.github.com"), description="GitHub's REST address."
    )


class Identity(Section):
    """How people log in."""

    provider: Literal["local", "github"] = Field(
        "local",
        description="`local`: one-time links made by the operator. `github`: GitHub OAuth.",
    )
    github: GitHub | None = Field(None, description="Required with `provider: github`.")
    refresh: Duration = Field(
        timedelta(minutes=5),
        description="How often logged-in people are checked against the allow-lists again; "
        "whoever was removed loses access within this time.",
        examples=["5m"],
        ge=timedelta(seconds=1),
    )
    outage_grace: Duration = Field(
        timedelta(hours=4),
        description="How long people stay logged in while the identity provider is unavailable.",
        examples=["4h"],
    )
    session: Duration = Field(
        timedelta(days=14),
        description="How long a login lasts.",
        examples=["14d"],
        ge=timedelta(minutes=1),
    )
    token_lifetime: Duration = Field(
        timedelta(days=90),
        description="The longest lifetime of a token that a person or the operator makes; every "
        "token expires.",
        examples=["90d"],
        ge=timedelta(hours=1),
    )

    @model_validator(mode="after")
    def _github_is_configured(self) -> Self:
        if self.provider == "github" and self.github is None:
            raise misfit(
                "The provider is GitHub, but no OAuth application is configured.",
                "github",
                at="provider",
                hint="Add identity.github with the application's client_id, or use "
                "`provider: local`.",
                example="github: {client_id: Iv1.8a61f9b3a7aba766, "
                "client_secret_file: /etc/firstlight/github-client-secret}",
            )
        return self


class Administrators(Section):
    """Who may see the admin pages and other people's labs."""

    users: frozenset[Login] = Field(frozenset(), description="Logins.", examples=[["octocat"]])
    teams: frozenset[Team] = Field(
        frozenset(), description="Teams, `organization:team`.", examples=[["lsst:sqre"]]
    )


class Access(Section):
    """Who has access. Nobody else does; the block list always takes precedence."""

    users: frozenset[Login] = Field(
        frozenset(), description="Logins that have access.", examples=[["octocat"]]
    )
    organizations: frozenset[Organization] = Field(
        frozenset(), description="Organizations whose members have access.", examples=[["lsst"]]
    )
    teams: frozenset[Team] = Field(
        frozenset(),
        description="Teams whose members have access, `organization:team`.",
        examples=[["lsst:dp0-users"]],
    )
    blocked: frozenset[Login] = Field(
        frozenset(),
        description="Logins that never have access, whatever the other lists say.",
        examples=[["mallory"]],
    )
    administrators: Administrators = Field(
        default_factory=Administrators, description="Who administers the site."
    )


class Reachable(Section):
    """A network that labs may connect to."""

    network: str = Field(
        description="A network or an address, or `internet` for all public addresses.",
        examples=["10.20.0.0/16", "fd00:20::/32", "internet"],
    )
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        (), description="Its ports; all if there are none.", examples=[[443, 5432]]
    )

    @field_validator("network")
    @classmethod
    def _is_a_network(cls, network: str) -> str:
        if network == "internet":
            return network
        try:
            return str(ip_network(network))
        except ValueError as error:
            raise ValueError(f"write a network, an address or internet: {error}") from error


class Spawner(Section):
    """How labs are run."""

    kind: Literal["process", "container", "kubernetes"] = Field(
        "process", description="`process` now; `container` and `kubernetes` are reserved."
    )
    isolation: Literal["auto", "require", "off"] = Field(
        "auto",
        description="Private files and processes, a separate account and limits for each lab. "
        "`auto`: everything that this machine supports; the admin page shows what it does not; "
        "`require`: refuse to start a lab without them; `off`: only the separate account, and "
        "that only if the platform runs as root.",
    )
    user_namespaces: bool = Field(
        False,
        description="Let labs create user namespaces, which browsers such as Chromium use for "
        "their own sandbox. They open parts of the kernel to people's code that it cannot reach "
        "otherwise.",
    )
    internet: tuple[Reachable, ...] = Field(
        (Reachable(network="internet"),),
        description="What labs with a network of their own may connect to besides the platform: "
        "`on`, the default: all public addresses; `off`: nothing; or a list of networks. The "
        "machine itself, its link and the metadata services of clouds are never reachable.",
        examples=[[{"network": "internet", "ports": [80, 443]}, {"network": "10.20.0.0/16"}]],
    )
    start_timeout: Duration = Field(
        timedelta(seconds=60), description="How long a lab may take to start."
    )
    concurrent_starts: int | None = Field(
        None,
        ge=1,
        description="How many labs may start at the same time; the others wait for their turn, and "
        "`start_timeout` begins with it. The default is the number of CPU cores.",
        examples=[4],
    )
    stop_timeout: Duration = Field(
        timedelta(seconds=10), description="How long a lab may take to stop before it is killed."
    )

    @field_validator("internet", mode="before")
    @classmethod
    def _in_a_word(cls, internet: JsonValue) -> JsonValue:
        if internet == "on":
            return [{"network": "internet"}]
        if internet == "off":
            return []
        if isinstance(internet, str | bool):
            raise ValueError("write on, off or a list of networks")  # noqa: TRY004 (for pydantic)
        return internet

    @field_validator("kind")
    @classmethod
    def _kind_exists(cls, kind: str) -> str:
        if kind != "process":
            raise ValueError(f'"{kind}" is not available yet; use process')
        return kind


class LabSize(Section):
    """One choice on the form that starts a lab."""

    name: str = Field(description="Its key.", pattern=r"^[a-z][a-z0-9-]{0,30}$", examples=["small"])
    title: str = Field(description="Its name on the form.", max_length=40, examples=["Small"])
    purpose: str = Field("", description="What it is suitable for, in a few words.", max_length=120)
    cpu: float = Field(description="CPU cores.", gt=0, le=1024, examples=[1])
    memory: Bytes = Field(description="Memory.", examples=["4Gi"])
    processes: int = Field(512, description="Maximum number of processes and threads.", ge=64)


def _default_sizes() -> tuple[LabSize, ...]:
    gib = 1024**3
    return (
        LabSize(
            name="small", title="Small", purpose="Tutorials, queries, plots.", cpu=1, memory=2 * gib
        ),
        LabSize(
            name="medium", title="Medium", purpose="A few images at a time.", cpu=2, memory=4 * gib
        ),
        LabSize(
            name="large",
            title="Large",
            purpose="Big joins, many images.",
            cpu=4,
            memory=8 * gib,
            processes=1024,
        ),
    )


class Labs(Section):
    """The labs that people can start."""

    domain: str | None = Field(
        None,
        description="The domain below which each lab has a host of its own, `NAME.DOMAIN`, best "
        "one that is registered for labs alone. Unset: labs share the hub's origin, except on "
        "`localhost`, where they are at `NAME.localhost`.",
        examples=["labs.example.net"],
    )
    sizes: tuple[LabSize, ...] = Field(
        default_factory=_default_sizes,
        description="The choices on the form, smallest first.",
        min_length=1,
        max_length=6,
    )
    default_size: str = Field(
        "small", description="The size that is preselected.", examples=["small"]
    )
    token_lifetime: Duration = Field(
        timedelta(days=30),
        description="The longest lifetime of a lab's token for the data services; the token also "
        "ends with its lab. Unset: no more than `identity.token_lifetime`.",
        examples=["30d"],
        ge=timedelta(hours=1),
    )

    @field_validator("domain")
    @classmethod
    def _is_a_domain(cls, domain: str | None) -> str | None:
        if domain is None:
            return None
        if not _HOST_NAME.fullmatch(domain) or not re.search("[A-Za-z]", domain):
            raise ValueError(
                "write only a domain name, such as labs.example.net, without `*.`, `https://` or "
                "a port"
            )
        return domain.lower()

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        names = [size.name for size in self.sizes]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise misfit(
                    f'Two lab sizes have the name "{name}".',
                    f"sizes.{position}.name",
                    hint="Give each size a name of its own.",
                    example=f"name: {name[:29]}-2",
                )
        if self.default_size not in names:
            raise misfit(
                f'"{self.default_size}" is not one of the sizes: {", ".join(names)}.',
                "default_size",
                hint="Use one of them.",
                example=f"default_size: {names[0]}",
            )
        return self


class Services(Section):
    """The data services; each installed one adds a section of its own.

    Notes
    -----
    `firstlight_hub.settings.composed.settings_model` has them all.
    """

    token_cache: Duration = Field(
        timedelta(seconds=30),
        description="How long a service caches the hub's answer about a token: at most 60 s, and "
        "never longer than a tenth of `identity.refresh`.",
        examples=["30s"],
        le=timedelta(seconds=60),
    )


class Quotas(Section):
    """Reserved: caps on concurrent users, per-user and per-group quotas."""

    @model_validator(mode="before")
    @classmethod
    def _is_reserved(cls, given: object) -> object:
        if given and not isinstance(given, Quotas):
            raise misfit(
                "Quotas are not available yet; this section is reserved for them.",
                str(next(iter(given))) if isinstance(given, dict) else "",
                hint="Leave it out for now.",
                example="quotas: {}",
            )
        return given


class Branding(Section):
    """The site's own colours and logo."""

    accent: str = Field(
        "#3557d6",
        description="Colour of buttons and links.",
        pattern=r"^#[0-9a-fA-F]{6}$",
        examples=["#3557d6"],
    )
    logo: FilePath | None = Field(
        None,
        description="An SVG or PNG file to replace the logo.",
        examples=["/etc/firstlight/logo.svg"],
    )


class Settings(Section):
    """All of ``platform.yaml``. An empty file is a working platform."""

    site: Site = Field(default_factory=Site, description="The site's name and address.")
    network: Network = Field(default_factory=Network, description="Where the platform listens.")
    identity: Identity = Field(default_factory=Identity, description="How people log in.")
    access: Access = Field(default_factory=Access, description="Who has access.")
    spawner: Spawner = Field(default_factory=Spawner, description="How labs are run.")
    labs: Labs = Field(default_factory=Labs, description="What labs people can start.")
    datasets: tuple[DataSetSettings, ...] = Field(
        default_factory=lambda: (SAMPLE,),
        description="The data sets of the site; people start from the first. Unset: the simulated "
        "sample.",
    )
    services: Services = Field(default_factory=Services, description="The data services.")
    quotas: Quotas = Field(default_factory=Quotas, description="Reserved; nothing can be set yet.")
    branding: Branding = Field(default_factory=Branding, description="The site's colours and logo.")

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.network.is_everywhere and self.site.public_url is None:
            raise misfit(
                "The platform listens on all addresses, but does not know which of them people "
                "use: every link and login would lead to their own machine.",
                "site.public_url",
                at="network.bind",
                hint="Set site.public_url, or set network.bind to one address of this machine.",
                example="public_url: https://data.example.org",
            )
        return self

    @model_validator(mode="after")
    def _data_sets_differ(self) -> Self:
        labels = [dataset.label for dataset in self.datasets]
        samples = [dataset.sample for dataset in self.datasets]
        for position, label in enumerate(labels):
            if label in labels[:position]:
                raise misfit(
                    f'Two data sets have the label "{label}".',
                    f"datasets.{position}.label",
                    hint="Give each data set a label of its own.",
                    example=f"label: {label[:29]}-2",
                )
            if samples[position] and any(samples[:position]):
                raise misfit(
                    "The simulated sample is a data set already.",
                    f"datasets.{position}.sample",
                    hint="Set sample for one data set only.",
                )
        return self

    @model_validator(mode="after")
    def _lab_tokens_end_in_time(self) -> Self:
        lab, most = self.labs.token_lifetime, self.identity.token_lifetime
        if lab <= most:
            return self
        if "token_lifetime" in self.labs.model_fields_set:
            raise misfit(
                f"A lab's token would live for {format_duration(lab)}, but no token lives longer "
                f"than {format_duration(most)} (identity.token_lifetime).",
                "labs.token_lifetime",
                hint="Make labs.token_lifetime shorter, or identity.token_lifetime longer.",
                example=f"token_lifetime: {format_duration(most)}",
            )
        labs = self.labs.model_copy(update={"token_lifetime": most})
        object.__setattr__(self, "labs", labs)  # a default follows its limit
        return self

    @model_validator(mode="after")
    def _tokens_are_asked_for_in_time(self) -> Self:
        """Leave the hub nine tenths of `identity.refresh` to find who was removed."""
        trust = min(self.services.token_cache, self.identity.refresh / 10)
        services = self.services.model_copy(update={"token_cache": trust})
        object.__setattr__(self, "services", services)
        return self
