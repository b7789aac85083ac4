"""Origins: which hosts are labs', who is redirected, and which cookies count."""

from __future__ import annotations

import pytest

from firstlight_common.origins import Origins, host_cookies

HERE = Origins("http://localhost:8000", "localhost")
SITE = Origins("https://data.example.org:8443", "labs.example.net")
SHARED = Origins("https://data.example.org")


@pytest.mark.parametrize(
    ("origins", "labs", "pattern"),
    [
        (HERE, "http://localhost:8000", "http://*.localhost:8000"),
        (SITE, "https://labs.example.net:8443", "https://*.labs.example.net:8443"),
        (SHARED, "", ""),
    ],
)
def test_labs_have_scheme_and_port_of_the_site(origins: Origins, labs: str, pattern: str) -> None:
    assert (origins.labs, origins.all_labs) == (labs, pattern)


@pytest.mark.parametrize(
    ("origins", "host", "is_lab"),
    [
        (HERE, "vera.localhost:8000", True),
        (HERE, "vera.localhost.:8000", True),
        (HERE, "localhost:8000", False),
        (HERE, "127.0.0.1:8000", False),
        (SITE, "VERA.labs.example.net", True),
        (SITE, "data.example.org", False),
        (SITE, "evil-labs.example.net", False),
        (SHARED, "vera.data.example.org", False),
        (Origins("https://data.example.org", "example.org"), "data.example.org", False),
    ],
)
def test_a_lab_is_below_the_labs_domain(origins: Origins, host: str, is_lab: bool) -> None:
    assert origins.is_lab(host) is is_lab


@pytest.mark.parametrize(
    ("host", "method", "headers", "moved"),
    [
        ("127.0.0.1:8000", "GET", {"Sec-Fetch-Mode": "navigate"}, True),
        ("[::1]:8000", "GET", {"Accept": "text/html,*/*"}, True),
        ("127.0.0.1:8000", "GET", {"Accept": "*/*"}, False),
        ("127.0.0.1:8000", "GET", {"Accept": "text/html", "Authorization": "token x"}, False),
        ("127.0.0.1:8000", "POST", {"Accept": "text/html"}, False),
        ("localhost:8000", "GET", {"Accept": "text/html"}, False),
        ("vera.localhost:8000", "GET", {"Accept": "text/html"}, False),
    ],
)
def test_browsers_at_another_name_of_localhost_are_redirected(
    host: str, method: str, headers: dict[str, str], moved: bool
) -> None:
    assert HERE.moved(host, method, headers) is moved
    assert not SITE.moved(host, method, headers)


def test_cookies_have_the_prefix_where_browsers_and_labs_allow_it() -> None:
    assert SITE.cookies_have_prefix
    assert not HERE.cookies_have_prefix
    assert not SHARED.cookies_have_prefix


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        ("a=1; __Host-b=2;c=3", "__Host-b=2; b=2"),
        ("b=tossed; __Host-b=2; b=tossed", "__Host-b=2; b=2"),
        ("__host-b=2; x__Host-b=3", ""),
        ("", ""),
    ],
)
def test_a_cookie_without_the_prefix_counts_for_nothing(sent: str, counted: str) -> None:
    assert host_cookies(sent) == counted
