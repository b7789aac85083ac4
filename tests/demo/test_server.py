"""The pretend GitHub, over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port

from firstlight_demo.app import make_app

CALLBACK = "http://127.0.0.1:1/nb/hub/oauth_callback"
SECRET = "s3cret"
CLIENT = "first-light-demo"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run the server in a thread of its own."""
    started, loops, ports = threading.Event(), [], []

    def run() -> None:
        async def serve() -> None:
            sock, port = bind_unused_port()
            server = HTTPServer(make_app(CALLBACK, SECRET))
            server.add_socket(sock)
            loops.append(IOLoop.current())
            ports.append(port)
            started.set()

        loop = IOLoop(make_current=False)
        loop.add_callback(serve)
        loop.start()
        loop.close(all_fds=True)

    thread = threading.Thread(target=run)
    thread.start()
    started.wait(10)
    yield f"http://127.0.0.1:{ports[0]}/demo-github"
    loops[0].add_callback(loops[0].stop)
    thread.join(10)


@pytest.fixture
def control(url: str) -> Iterator[object]:
    def send(**command: object) -> requests.Response:
        return requests.post(
            f"{url}/_control", json=command, headers={"X-Demo-Control": SECRET}, timeout=5
        )

    yield send
    send(clear=True)


def authorize(url: str, login: str, **parameters: str) -> requests.Response:
    """Press the button of a person and return the redirect."""
    session = requests.Session()
    asked = {"client_id": CLIENT, "redirect_uri": CALLBACK, "state": "abc", "scope": "read:org"}
    asked |= parameters
    page = session.get(f"{url}/login/oauth/authorize", params=asked, timeout=5)
    if page.status_code != 200:
        return page
    assert f'id="person-{login}"' in page.text
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    assert xsrf
    return session.post(
        f"{url}/login/oauth/authorize",
        data={**asked, "login": login, "_xsrf": xsrf[1]},
        allow_redirects=False,
        timeout=5,
    )


def code_of(answer: requests.Response) -> str:
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def exchange(url: str, code: str, **fields: str) -> dict[str, str]:
    body = {"client_id": CLIENT, "client_secret": SECRET, "code": code} | fields
    return requests.post(
        f"{url}/login/oauth/access_token",
        data=body,
        headers={"Accept": "application/json"},
        timeout=5,
    ).json()


def log_in(url: str, login: str, **parameters: str) -> str:
    return exchange(url, code_of(authorize(url, login, **parameters)))["access_token"]


def get(url: str, path: str, token: str, **parameters: object) -> requests.Response:
    return requests.get(
        f"{url}/api{path}",
        headers={"Authorization": f"Bearer {token}"},
        params=parameters,
        timeout=5,
    )


def test_a_login_goes_back_to_the_callback_with_the_state(url: str) -> None:
    location = authorize(url, "ada-admin").headers["Location"]
    assert location.startswith(CALLBACK + "?")
    assert parse_qs(urlsplit(location).query)["state"] == ["abc"]


def test_the_token_says_who_logged_in(url: str) -> None:
    person = get(url, "/user", log_in(url, "ada-admin")).json()
    assert (person["login"], person["id"]) == ("ada-admin", 1815)


def test_a_code_is_good_once(url: str) -> None:
    code = code_of(authorize(url, "ada-admin"))
    assert "access_token" in exchange(url, code)
    assert exchange(url, code)["error"] == "bad_verification_code"


def test_a_wrong_secret_gets_no_token(url: str) -> None:
    code = code_of(authorize(url, "ada-admin"))
    assert exchange(url, code, client_secret="no")["error"] == "incorrect_client_credentials"


def test_pkce_is_honoured(url: str) -> None:
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    wrong = code_of(authorize(url, "ada-admin", **asked))
    assert exchange(url, wrong, code_verifier="x" * 43)["error"] == "bad_verification_code"
    right = code_of(authorize(url, "ada-admin", **asked))
    assert "access_token" in exchange(url, right, code_verifier=verifier)


@pytest.mark.parametrize(
    "asked", [{"redirect_uri": "https://evil.example/"}, {"client_id": "somebody-else"}]
)
def test_an_unregistered_application_or_callback_is_refused(
    url: str, asked: dict[str, str]
) -> None:
    answer = authorize(url, "ada-admin", **asked)
    assert answer.status_code in {400, 404}
    assert "Location" not in answer.headers


def test_teams_and_organizations_need_the_scope(url: str) -> None:
    token = log_in(url, "mira-member", scope="")
    assert get(url, "/user/teams", token).status_code == 403
    token = log_in(url, "mira-member", scope="read:org")
    answer = get(url, "/user/teams", token)
    assert answer.headers["X-OAuth-Scopes"] == "read:org"
    assert [(t["organization"]["login"], t["slug"]) for t in answer.json()] == [
        ("first-light", "dp0")
    ]


def test_lists_are_paged_with_links(url: str, control: object) -> None:
    teams = [f"first-light:t{number}" for number in range(5)]
    control(set_person={"login": "mira-member", "teams": teams})  # type: ignore[operator]
    token = log_in(url, "mira-member")
    first = get(url, "/user/teams", token, per_page=2)
    assert len(first.json()) == 2
    slugs = [team["slug"] for team in first.json()]
    page = first
    while "next" in page.links:
        page = requests.get(
            page.links["next"]["url"], headers={"Authorization": f"Bearer {token}"}, timeout=5
        )
        slugs += [team["slug"] for team in page.json()]
    assert slugs == ["t0", "t1", "t2", "t3", "t4"]


def test_memberships_answer_204_or_404(url: str) -> None:
    token = log_in(url, "ada-admin")
    assert get(url, "/orgs/first-light/members/mira-member", token).status_code == 204
    assert get(url, "/orgs/first-light/members/sam-stranger", token).status_code == 404
    team = "/orgs/first-light/teams/dp0/members/"
    assert get(url, team + "theo-teammate", token).status_code == 204
    assert get(url, team + "ada-admin", token).status_code == 404


def test_no_or_a_wrong_token_is_401(url: str) -> None:
    assert get(url, "/user", "nonsense").json()["message"] == "Bad credentials"
    assert requests.get(f"{url}/api/user", timeout=5).status_code == 401


def test_failures_come_on_demand_and_end(url: str, control: object) -> None:
    token = log_in(url, "ada-admin")
    control(fail={"path": "/user", "status": 429, "times": 1, "retry_after": 7})  # type: ignore[operator]
    answer = get(url, "/user", token)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert get(url, "/user", token).status_code == 200


@pytest.mark.parametrize(
    ("fault", "headers", "words"),
    [
        ({"status": 403, "kind": "primary"}, {"X-RateLimit-Remaining": "0"}, "API rate limit"),
        ({"status": 429, "kind": "secondary"}, {}, "secondary rate limit"),
        (
            {"status": 403, "kind": "secondary", "retry_after": 9},
            {"Retry-After": "9"},
            "secondary rate limit",
        ),
        ({"status": 403, "kind": "sso"}, {"X-GitHub-SSO": "required; url="}, "SAML"),
    ],
)
def test_it_refuses_as_github_does(
    url: str, control: object, fault: dict[str, object], headers: dict[str, str], words: str
) -> None:
    token = log_in(url, "ada-admin")
    control(fail={"path": "/user/teams", **fault})  # type: ignore[operator]
    answer = get(url, "/user/teams", token)
    assert answer.status_code == fault["status"]
    assert words in answer.json()["message"]
    for name, value in headers.items():
        assert answer.headers[name].startswith(value)


def test_a_failure_can_be_one_persons_only(url: str, control: object) -> None:
    tokens = [log_in(url, login) for login in ("ada-admin", "theo-teammate")]
    control(fail={"path": "/user*", "status": 500, "login": "Ada-Admin"})  # type: ignore[operator]
    assert [get(url, "/user", token).status_code for token in tokens] == [500, 200]


def test_it_can_give_no_answer_at_all(url: str, control: object) -> None:
    token = log_in(url, "ada-admin")
    control(fail={"path": "/user", "status": 0, "times": 1})  # type: ignore[operator]
    with pytest.raises(requests.ConnectionError):
        get(url, "/user", token)
    assert get(url, "/user", token).status_code == 200


def test_a_renamed_person_keeps_the_number(url: str, control: object) -> None:
    control(set_person={"login": "theo-teammate", "rename": "theo-renamed"})  # type: ignore[operator]
    person = get(url, "/user", log_in(url, "theo-renamed")).json()
    assert person["id"] == 1868


def test_a_revoked_token_is_worth_nothing(url: str, control: object) -> None:
    token = log_in(url, "ada-admin")
    control(revoke="ada-admin")  # type: ignore[operator]
    assert get(url, "/user", token).status_code == 401


def test_only_who_knows_the_secret_controls(url: str) -> None:
    answer = requests.post(f"{url}/_control", json={"clear": True}, timeout=5)
    assert answer.status_code == 403


def test_the_form_needs_its_own_page(url: str) -> None:
    answer = requests.post(
        f"{url}/login/oauth/authorize",
        data={"client_id": CLIENT, "login": "ada-admin"},
        allow_redirects=False,
        timeout=5,
    )
    assert answer.status_code == 403
