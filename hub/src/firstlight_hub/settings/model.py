"""What ``platform.yaml`` may say: one typed model, with a default for everything."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    ValidationInfo,
    field_validator,
    model_validator,
)

from firstlight_hub.settings.units import Bytes, Duration

__all__ = [
    "Access",
    "Administrators",
    "Branding",
    "ButlerService",
    "GitHub",
    "Identity",
    "LabSize",
    "Labs",
    "Network",
    "Portal",
    "Quotas",
    "Section",
    "Services",
    "Settings",
    "Site",
    "Spawner",
    "Tap",
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


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return folder / path if folder else path


FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A file; a relative path counts from the configuration file's folder."""


class Section(BaseModel):
    """One mapping of ``platform.yaml``; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Site(Section):
    """Who runs this platform, and where the world finds it."""

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
        description="The address people type, without a path. Unset: http://127.0.0.1:PORT.",
        examples=["https://data.lsst.cloud"],
    )
    contact: str = Field(
        "the operator of this site",
        description="Whom a person who is turned away should ask: an e-mail address or a few "
        "words.",
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
            raise ValueError("write scheme, host and port only, no path, query or login")
        return url


class Network(Section):
    """Where the platform listens."""

    bind: str = Field(
        "127.0.0.1",
        description="The address the proxy listens on. Anything but loopback is reachable from "
        "outside.",
        examples=["192.0.2.7"],
    )


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
        HttpUrl("https://github.com"), description="GitHub's address; yours, for GitHub Enterprise."
    )
    api_url: HttpUrl = Field(
        HttpUrl("https://api.github.com"), description="GitHub's REST address."
    )


class Identity(Section):
    """How people prove who they are."""

    provider: Literal["local", "github"] = Field(
        "local",
        description="`local`: one-time links made by the operator. `github`: GitHub OAuth.",
    )
    github: GitHub | None = Field(None, description="Needed with `provider: github`.")
    refresh: Duration = Field(
        timedelta(minutes=5),
        description="How often a logged-in person is checked again against the allow-lists; "
        "who has been taken off loses access within this time.",
        examples=["5m"],
        ge=timedelta(seconds=1),
    )
    outage_grace: Duration = Field(
        timedelta(hours=4),
        description="While the identity provider is away or answers 5xx, people who are logged in "
        "stay in this long.",
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
        description="Lifetime, at most, of a token that a person or the operator makes; "
        "none is without end.",
        examples=["90d"],
        ge=timedelta(hours=1),
    )

    @model_validator(mode="after")
    def _github_is_configured(self) -> Self:
        if self.provider == "github" and self.github is None:
            raise ValueError(
                "provider is github, but identity.github is missing; add its client_id"
            )
        return self


class Administrators(Section):
    """Who may see the admin pages and other people's labs."""

    users: frozenset[Login] = Field(frozenset(), description="Logins.", examples=[["octocat"]])
    teams: frozenset[Team] = Field(
        frozenset(), description="Teams, `organization:team`.", examples=[["lsst:sqre"]]
    )


class Access(Section):
    """Who is let in. Everybody else is not; the block list always wins."""

    users: frozenset[Login] = Field(
        frozenset(), description="Logins that are let in.", examples=[["octocat"]]
    )
    organizations: frozenset[Organization] = Field(
        frozenset(), description="Organizations whose members are let in.", examples=[["lsst"]]
    )
    teams: frozenset[Team] = Field(
        frozenset(),
        description="Teams whose members are let in, `organization:team`.",
        examples=[["lsst:dp0-users"]],
    )
    blocked: frozenset[Login] = Field(
        frozenset(),
        description="Logins that are never let in, whatever the other lists say.",
        examples=[["mallory"]],
    )
    administrators: Administrators = Field(
        default_factory=Administrators, description="Who administers the site."
    )


class Spawner(Section):
    """What a lab is, technically."""

    kind: Literal["process", "container", "kubernetes"] = Field(
        "process", description="`process` now; `container` and `kubernetes` are reserved."
    )
    isolation: Literal["auto", "require", "off"] = Field(
        "auto",
        description="Private files and processes, an own account and limits for each lab. `auto`: "
        "what this machine can give, and the admin page says what not; `require`: refuse to start "
        "a lab without; `off`: nothing but, where the platform runs as root, the own account.",
    )
    start_timeout: Duration = Field(
        timedelta(seconds=60), description="How long a lab may take to start."
    )
    stop_timeout: Duration = Field(
        timedelta(seconds=10), description="How long a lab may take to stop before it is killed."
    )

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
    purpose: str = Field("", description="What it is good for, in a few words.", max_length=120)
    cpu: float = Field(description="CPU cores.", gt=0, le=1024, examples=[1])
    memory: Bytes = Field(description="Memory.", examples=["4Gi"])
    processes: int = Field(512, description="Processes and threads at most.", ge=64)


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
    """What people get when they start a lab."""

    sizes: tuple[LabSize, ...] = Field(
        default_factory=_default_sizes,
        description="The choices on the form, smallest first.",
        min_length=1,
        max_length=6,
    )
    default_size: str = Field(
        "small", description="The choice made beforehand.", examples=["small"]
    )
    token_lifetime: Duration = Field(
        timedelta(days=7),
        description="Lifetime of a lab's token for the data services.",
        examples=["7d"],
    )

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        names = [size.name for size in self.sizes]
        if len(set(names)) != len(names):
            raise ValueError(f"two lab sizes share a name: {', '.join(names)}")
        if self.default_size not in names:
            raise ValueError(
                f"default_size is {self.default_size}, which is none of the sizes: "
                f"{', '.join(names)}"
            )
        return self


class Tap(Section):
    """Catalogs through the Table Access Protocol."""

    enabled: bool = Field(True, description="Whether the service runs.")
    engine: Literal["duckdb"] = Field("duckdb", description="What executes the queries.")
    default_rows: int = Field(
        100_000, description="Rows in an answer when the query names no limit.", gt=0
    )
    max_rows: int = Field(5_000_000, description="Rows in an answer at most.", gt=0)
    timeout: Duration = Field(
        timedelta(minutes=5), description="How long a synchronous query may run."
    )
    threads: int = Field(2, description="Threads of the query engine.", gt=0)
    memory: Bytes = Field(2 * 1024**3, description="Memory of the query engine.", examples=["2Gi"])


class ButlerService(Section):
    """Images through the Butler."""

    enabled: bool = Field(True, description="Whether the service runs.")


class Portal(Section):
    """The catalog portal."""

    enabled: bool = Field(
        True, description="Whether the catalog pages are offered (the landing page always is)."
    )


class Services(Section):
    """The data services."""

    tap: Tap = Field(default_factory=Tap, description="Catalogs.")
    butler: ButlerService = Field(default_factory=ButlerService, description="Images.")
    portal: Portal = Field(default_factory=Portal, description="Catalog pages.")
    token_cache: Duration = Field(
        timedelta(seconds=30),
        description="How long a service trusts the hub's last answer about a token, at most 60 s.",
        examples=["30s"],
        le=timedelta(seconds=60),
    )


class Quotas(Section):
    """Reserved: caps on concurrent users, per-user and per-group quotas."""


class Branding(Section):
    """The site's own colours and words."""

    accent: str = Field(
        "#3557d6",
        description="Colour of buttons and links.",
        pattern=r"^#[0-9a-fA-F]{6}$",
        examples=["#3557d6"],
    )
    logo: FilePath | None = Field(
        None,
        description="An SVG or PNG file that replaces the logo.",
        examples=["/etc/firstlight/logo.svg"],
    )


class Settings(Section):
    """All of ``platform.yaml``. An empty file is a working platform."""

    site: Site = Field(default_factory=Site, description="The site's name and address.")
    network: Network = Field(default_factory=Network, description="Where the platform listens.")
    identity: Identity = Field(default_factory=Identity, description="How people log in.")
    access: Access = Field(default_factory=Access, description="Who is let in.")
    spawner: Spawner = Field(default_factory=Spawner, description="How labs are run.")
    labs: Labs = Field(default_factory=Labs, description="What labs are offered.")
    services: Services = Field(default_factory=Services, description="The data services.")
    quotas: Quotas = Field(default_factory=Quotas, description="Reserved; nothing can be set yet.")
    branding: Branding = Field(default_factory=Branding, description="The site's look.")
