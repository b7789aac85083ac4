"""What tests of services need: a run, its contexts, a small hub, an HTTP client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlencode

from pydantic import JsonValue
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from firstlight_common import paths
from firstlight_common.components import Component
from firstlight_common.runtime import DataSet, Runtime, RuntimeComponent, RuntimePage
from firstlight_common.section import Section
from firstlight_services.web.context import ServiceContext, read_settings
from firstlight_services.web.fake_hub import FakeHub, serving

__all__ = ["FakeHub", "fetch", "make_context", "running_component", "serving", "write_run"]

_HUB = Component(name="hub", title="Notebooks", path=paths.HUB, command=(), health="{url}{path}")


def running_component(component: Component, port: int = 0) -> RuntimeComponent:
    """Return a component as it is in a run, with its port on loopback."""
    url, page = f"http://127.0.0.1:{port}", component.page
    return RuntimeComponent(
        name=component.name,
        title=component.title,
        path=component.path,
        more_paths=component.more_paths,
        port=port,
        url=url,
        health=component.health.format(url=url, path=component.path, port=port),
        command=component.command,
        hub_service=component.hub_service is not None,
        acts_at=component.hub_service.acts_at if component.hub_service else (),
        page=RuntimePage(
            component=component.name,
            title=page.title,
            description=page.description,
            path=component.path + page.path,
            needs=page.needs,
        )
        if page
        else None,
    )


def make_context[S: Section](
    state_dir: Path,
    component: Component,
    model: type[S],
    hub: FakeHub,
    *,
    settings: JsonValue = None,
    others: Iterable[RuntimeComponent] = (),
    datasets: Iterable[DataSet] = (),
    public_url: str = "http://127.0.0.1:8000",
    labs_domain: str = "",
) -> ServiceContext[S]:
    """Return the context of a service under test.

    Parameters
    ----------
    model
        The model of the service's own settings.
    settings
        What ``platform.yaml`` says.
    others
        Components that run besides the hub and the service.
    datasets
        The site's data sets.
    public_url, labs_domain
        Where the site and its labs are.
    """
    shared, section = read_settings(json.dumps(settings or {}), component.name, model)
    enabled = bool(section.model_dump().get("enabled", True))
    own = running_component(component).model_copy(update={"enabled": enabled})
    components = (running_component(_HUB), *others, own)
    return ServiceContext(
        component=own,
        runtime=_runtime(state_dir, components, datasets, public_url, labs_domain),
        shared=shared,
        settings=section,
        version="0.0",
        hub_api_url=hub.api_url,
        hub_token="the-services-own-secret",  # noqa: S106
    )


def write_run(
    state_dir: Path,
    components: Iterable[RuntimeComponent],
    *,
    datasets: Iterable[DataSet] = (),
    settings: JsonValue = None,
    public_url: str = "http://127.0.0.1:8000",
) -> None:
    """Write the files that ``firstlight up`` writes for the processes of a run."""
    runtime = _runtime(state_dir, components, datasets, public_url)
    run = state_dir / "run"
    run.mkdir(exist_ok=True)
    (run / "runtime.json").write_text(runtime.model_dump_json())
    (run / "settings.json").write_text(json.dumps(settings or {}))


def _runtime(
    state_dir: Path,
    components: Iterable[RuntimeComponent],
    datasets: Iterable[DataSet],
    public_url: str,
    labs_domain: str = "",
) -> Runtime:
    return Runtime(
        state_dir=state_dir,
        public_url=public_url,
        labs_domain=labs_domain,
        labs_python=state_dir,
        tutorials_dir=state_dir,
        version="0.0",
        components=tuple(components),
        datasets=tuple(datasets),
    )


async def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    follow: bool = False,
) -> HTTPResponse:
    """Send a request, and return the answer whatever its status."""
    client = AsyncHTTPClient(force_instance=True)
    try:
        return await client.fetch(
            HTTPRequest(
                url,
                method=method,
                headers=headers,
                body=urlencode(form) if form is not None else None,
                follow_redirects=follow,
            ),
            raise_error=False,
        )
    finally:
        client.close()
