"""What happens to people and their labs while the platform runs."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab_client import is_ready, start_lab, tokens_of_lab
from tests.platform_under_test import Platform, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_the_form_starts_a_lab_again_and_remembers_the_size(platform: Platform) -> None:
    session = platform.login("theo-teammate")
    address = f"{platform.url}/nb/hub/spawn/theo-teammate"
    platform.hub("DELETE", "/users/theo-teammate/server")
    wait_for(lambda: not platform.hub("GET", "/users/theo-teammate").json()["servers"])
    for _ in range(2):
        form = session.get(f"{platform.url}/nb/hub/spawn", timeout=30)
        assert form.status_code == 200, form.text
        action = re.search(r'id="spawn_form"[^>]*action="([^"]+)"', form.text)
        assert action
        target = f"{platform.url}{action[1].replace('&amp;', '&')}"
        answer = session.post(
            target, data={"size": "medium"}, timeout=60, headers={"Referer": address}
        )
        assert answer.status_code == 200, answer.text
        wait_for(lambda: is_ready(platform, "theo-teammate"), what="the lab")
        platform.hub("DELETE", "/users/theo-teammate/server")
        wait_for(lambda: not platform.hub("GET", "/users/theo-teammate").json()["servers"])
    form = session.get(f"{platform.url}/nb/hub/spawn", timeout=30)
    checked = re.findall(r'value="(\w+)" checked', form.text)
    assert checked == ["medium"]


def test_a_lab_that_a_killed_hub_was_starting_is_ended(platform: Platform) -> None:
    platform.login("theo-teammate")
    note = platform.state_dir / "run" / "labs" / "theo-teammate.json"
    platform.hub("DELETE", "/users/theo-teammate/server")
    wait_for(lambda: not note.exists(), what="the lab of an earlier test to end")
    hub = platform.pid_of("hub")
    platform.hub("POST", "/users/theo-teammate/server", json={"size": "small"})
    wait_for(note.exists, what="the start of the lab")
    os.kill(hub, signal.SIGKILL)
    left = re.search(r'"pid": (\d+)', note.read_text())
    assert left
    wait_for(lambda: not note.exists(), seconds=60, what="the lab to be ended")
    ended = Path(f"/proc/{left[1]}/cmdline")
    assert not ended.exists() or not ended.read_bytes(), "it may wait for init, but it does not run"
    assert not tokens_of_lab(platform, "theo-teammate")
    start_lab(platform, "theo-teammate")
    platform.hub("DELETE", "/users/theo-teammate/server")


def test_who_is_taken_off_the_list_in_the_file_is_out(platform: Platform, tmp_path: Path) -> None:
    config = tmp_path / "platform.yaml"
    config.write_text("identity: {refresh: 3s}\nservices: {token_cache: 1s}\n")
    site = Platform(tmp_path / "state", config=config).take_data_of(platform)
    site.start()
    try:
        for person in ("vera", "gone"):
            assert site.hub("POST", f"/users/{person}").status_code == 201
        tokens = {person: site.token(person) for person in ("vera", "gone")}
        assert site.get("/api/tap/tables", tokens["gone"]).status_code == 200
        config.write_text(config.read_text() + "access: {blockd: [gone]}\n")
        wait_for(lambda: "did you mean" in site.output.lower(), what="the mistake to be told")
        assert site.get("/api/tap/tables", tokens["gone"]).status_code == 200
        config.write_text(config.read_text().replace("blockd", "blocked"))
        wait_for(
            lambda: site.get("/api/tap/tables", tokens["gone"]).status_code == 401,
            what="the token to be revoked",
        )
        assert "The new access lists are in effect" in site.output
        assert site.get("/api/tap/tables", tokens["vera"]).status_code == 200
        config.write_text(config.read_text() + "site: {name: Other}\n")
        wait_for(lambda: "Restart the platform to apply site" in site.output, what="the advice")
    finally:
        site.stop()


@pytest.fixture
def github_works_again(platform: Platform) -> Iterator[None]:
    yield
    platform.control_github(clear=True)


@pytest.mark.parametrize(("status", "kind"), [(403, "secondary"), (429, "")])
def test_a_limit_on_one_persons_requests_is_theirs_alone(
    platform: Platform, github_works_again: None, status: int, kind: str
) -> None:
    """The site's `outage_grace` is an hour: whoever left the team would keep access for so long."""
    limited, other, team = "theo-teammate", "mira-member", "first-light:dp0"
    tokens = {}
    for person in (limited, other):
        platform.login(person)
        made = platform.hub("POST", f"/users/{person}/tokens", json={"expires_in": 600})
        tokens[person] = made.json()["token"]

    def has_access(person: str) -> bool:
        return platform.hub("GET", "/user", tokens[person]).ok

    def groups() -> list[str]:
        return sorted(platform.hub("GET", f"/users/{other}").json()["groups"])

    wait_for(lambda: groups() == [team], what="the groups of an earlier test to go")
    log = platform.state_dir / "logs" / "hub.log"
    before = len(log.read_text())
    left = {"login": limited, "teams": []}
    fault = {"path": "/user*", "status": status, "kind": kind, "login": limited}
    # It stays limited for three retries, 90 seconds: time enough for the check of the other.
    platform.control_github(fail={**fault, "retry_after": 30}, set_person=left)
    wait_for(
        lambda: f"GitHub did not confirm {limited}" in log.read_text()[before:],
        what="a check that GitHub refused",
    )
    platform.control_github(set_person={"login": other, "teams": [team, "first-light:new"]})
    wait_for(lambda: groups() == [team, "first-light:new"], what="the other person's check")
    assert has_access(limited)

    platform.control_github(clear=True)
    platform.control_github(set_person=left)
    wait_for(lambda: not has_access(limited), what="the check that GitHub answers again")
    assert has_access(other)
    said = log.read_text()[before:]
    assert f"No longer allowed: {limited}" in said
    assert f"GitHub did not confirm {other}" not in said
    assert f"still limits the requests of {limited}" not in said


def test_log_out_is_from_everything_also_after_the_browser_was_closed(platform: Platform) -> None:
    session = platform.login("theo-teammate")
    catalogs = f"{platform.url}/portal/app"
    assert session.get(catalogs, timeout=30).url == catalogs
    copied = dict(session.cookies.items())
    # A closed browser forgets what has no date of its own: the session's number.
    session.cookies.clear_session_cookies()
    page = platform.log_out(session)
    assert page.url.endswith("/nb/hub/login")
    name = f"firstlight-portal-{platform.port}"
    assert name in copied
    assert name not in {cookie.name for cookie in session.cookies}
    assert session.get(catalogs, timeout=30).url != catalogs
    # Nor does a copy of the cookies open the catalogs, once services ask the hub again.
    portal = {name: copied[name]}
    wait_for(
        lambda: (
            platform.get("/portal/app", cookies=portal, allow_redirects=False).status_code == 302
        ),
        what="the portal to ask the hub",
    )


def test_no_link_logs_anybody_out(platform: Platform) -> None:
    session = platform.login("theo-teammate")
    catalogs = f"{platform.url}/portal/app"
    assert session.get(catalogs, timeout=30).url == catalogs
    for path in ("/nb/hub/logout", "/portal/logout", "/portal/logout?from=hub"):
        assert "Do you want to log out?" in session.get(platform.url + path, timeout=30).text
    for path, form in (
        ("/nb/hub/logout", {}),
        ("/nb/hub/logout", {"_xsrf": "guess"}),
        ("/portal/logout", {"key": "guess"}),
    ):
        answer = session.post(platform.url + path, data=form, timeout=30)
        assert answer.status_code == 403, path
    assert session.get(f"{platform.url}/nb/hub/firstlight/me", timeout=30).json()["name"]
    assert session.get(catalogs, timeout=30).url == catalogs


def test_log_out_is_from_the_lab_too(platform: Platform) -> None:
    session = platform.login("theo-teammate")
    start_lab(platform, "theo-teammate")
    lab = platform.lab("theo-teammate")
    assert session.get(f"{lab}/lab", timeout=30).ok
    assert session.get(f"{lab}/api/status", timeout=30).status_code == 200
    platform.log_out(session)
    wait_for(
        lambda: session.get(f"{lab}/api/status", timeout=30).status_code == 403,
        seconds=60,
        what="the lab to ask the hub",
    )


def test_files_beside_the_configuration_have_the_last_word(
    platform: Platform, tmp_path: Path
) -> None:
    config, extra = tmp_path / "platform.yaml", tmp_path / "jupyterhub_config.d"
    config.write_text("")
    extra.mkdir()
    name = 'c.JupyterHub.template_vars["firstlight"]["site"] = "Extra"\n'
    (extra / "10-name.py").write_text(name)
    site = Platform(tmp_path / "state", config=config).take_data_of(platform)
    site.start()
    try:
        assert "Log in to Extra" in site.get("/nb/hub/login").text
        # A mistake while the platform runs is told at the hub's next start, and can be corrected.
        broken = extra / "20-broken.py"
        broken.write_text("\nc.JupyterHub = nothing\n")
        os.kill(site.pid_of("hub"), signal.SIGKILL)
        sentence = r"20-broken\.py:2: .* failed: NameError"
        wait_for(
            lambda: re.search(f"hub cannot run: .*{sentence}", site.output),
            seconds=60,
            what="the reason",
        )
        broken.unlink()
        wait_for(lambda: site.get("/nb/hub/login").ok, seconds=60, what="the hub")
    finally:
        site.stop()
    broken.write_text("\nc.JupyterHub = nothing\n")
    with pytest.raises(AssertionError, match=sentence) as caught:
        site.start()
    assert len(re.findall(sentence, str(caught.value))) == 1
