"""What the templates are told about the site."""

from __future__ import annotations

from pathlib import Path

from firstlight_hub.pages import template_vars
from firstlight_hub.settings import Settings
from firstlight_hub.spawner.models import Guarantee
from tests.runtimes import runtime_of


def test_templates_know_the_site(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "site": {"name": "Andes", "contact": "help@andes.example"},
            "branding": {"accent": "#aa3300"},
        }
    )
    runtime = runtime_of("services: {tap: {enabled: false}}", state_dir=tmp_path, demo=True)
    item = Guarantee("Memory limit", True, "cgroup v2")

    variables = template_vars(settings, runtime, [item])
    assert variables.pop("disk_is_full")() is False
    assert [one.name for one in variables.pop("services")] == ["butler", "portal", "tap"]
    # Without catalogs there is nothing to see on the portal's page.
    assert variables.pop("pages") == []
    assert variables.pop("token_scopes") == (
        "access:services!service=butler access:services!service=tap"
    )
    commands = variables.pop("commands")
    for name, rest in (("link", " --user NAME"), ("doctor", "")):
        program, words = commands[name].split(" ", 1)
        assert Path(program).is_absolute()
        assert words == f"{name}{rest} --state-dir {tmp_path}"
    assert variables == {
        "site": "Andes",
        "contact": "help@andes.example",
        "accent": "#aa3300",
        "logo": False,
        "provider": "local",
        "demo": True,
        "version": "0.1.0",
        "isolation": [item],
        "origins": runtime.origins,
    }
