"""What both authenticators share."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from firstlight_hub.auth import FirstLightGitHubAuthenticator, LocalLinkAuthenticator
from firstlight_hub.pages import handlers
from firstlight_hub.people.store import PeopleStore


@pytest.mark.parametrize("kind", [LocalLinkAuthenticator, FirstLightGitHubAuthenticator])
async def test_the_routes_are_returned_and_nothing_is_started(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    authenticator = kind(page_handlers=handlers(Path("/srv")), auth_refresh_age=1)
    loop = asyncio.get_running_loop()
    for name in ("call_soon", "call_later", "call_at", "create_task"):
        monkeypatch.setattr(loop, name, lambda *_, name=name, **__: pytest.fail(f"{name} called"))
    try:
        paths = [route[0] for route in authenticator.get_handlers(None)]
    finally:
        monkeypatch.undo()

    assert {"/link", "/api/firstlight/links", "/firstlight/state"} <= set(paths)
    assert paths.index("/logout") == 0
    assert paths.count("/link") == 1


@pytest.mark.parametrize("login", ["known", "unknown"])
async def test_the_spawner_is_told_a_persons_account(login: str, tmp_path: Path) -> None:
    class Named:
        name = login

    class Spawner:
        uid: int | None = 1

    authenticator: Any = LocalLinkAuthenticator(people_url=f"sqlite:///{tmp_path}/people.sqlite")
    person = await authenticator.ask_people(PeopleStore.admit, "github", "1", "known")
    await authenticator.pre_spawn_start(Named(), spawner := Spawner())
    await authenticator.ask_people(PeopleStore.close)

    assert spawner.uid == (person.uid if login == "known" else None)
