from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from firstlight_hub.settings import (
    Problem,
    SettingsError,
    load_settings,
    parse_settings,
    settings_model,
)


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text)
    return caught.value.problems


def only(text: str) -> Problem:
    (problem,) = problems(text)
    return problem


def test_no_file_gives_the_defaults() -> None:
    assert load_settings(None) == settings_model()()


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "{}", "access:\n  # all out\n"])
def test_an_empty_file_gives_the_defaults(text: str) -> None:
    assert parse_settings(text) == settings_model()()


def test_human_units_become_types() -> None:
    settings = parse_settings("identity: {refresh: 1h30m}\nservices: {tap: {memory: 3Gi}}\n")
    assert settings.identity.refresh == timedelta(minutes=90)
    assert settings.services.tap.memory == 3 * 2**30


def test_off_is_a_word_and_not_false() -> None:
    assert parse_settings("spawner: {isolation: off}").spawner.isolation == "off"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml\s+The file cannot be read: no such"):
        load_settings(tmp_path / "nowhere.yaml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_closed_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "platform.yaml"
    path.touch(mode=0)
    with pytest.raises(SettingsError, match="permission denied"):
        load_settings(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "platform.yaml"
    path.write_bytes(b"\xff\xfe\x00site")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(path)


def test_a_relative_path_counts_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "platform.yaml"
    path.write_text("branding: {logo: art/logo.svg}")
    assert load_settings(path).branding.logo == tmp_path / "art/logo.svg"


@pytest.mark.parametrize("text", ["site: [", "site:\n\tname: x", "a: b: c", "\x00"])
def test_a_syntax_error_has_a_place(text: str) -> None:
    problem = only(text)
    assert problem.line >= 1 or text == "\x00"
    assert "not valid YAML" in problem.message


def test_a_second_document_is_named_as_such() -> None:
    problem = only("site: {name: a}\n---\nsite: {name: b}\n")
    assert (problem.line, problem.message) == (2, "A second document begins here.")


@pytest.mark.parametrize("text", ["- site", "hello", "3"])
def test_the_top_level_must_be_a_mapping(text: str) -> None:
    assert "must be a mapping" in only(text).message


def test_a_value_that_contains_itself_is_refused() -> None:
    assert "contains itself" in only("access: &a\n  users: [*a]\n").message


def test_a_duplicate_key_names_both_lines() -> None:
    problem = only("site:\n  name: a\n  name: b\n")
    assert (problem.line, problem.column, problem.key) == (3, 3, "site.name")
    assert "line 2" in problem.message


def test_an_unknown_key_gets_the_nearest_and_an_example() -> None:
    problem = only("identity:\n  refesh: 5m\n")
    assert (problem.line, problem.column, problem.key) == (2, 3, "identity.refesh")
    assert problem.hint == 'Did you mean "refresh"?'
    assert problem.example == "refresh: 5m"


def test_an_unknown_key_without_a_value_is_still_unknown() -> None:
    assert only("acess:\n").hint == 'Did you mean "access"?'


def test_a_key_in_the_wrong_section_is_pointed_to_the_right_one() -> None:
    assert "labs.default_size" in only("default_size: small\n").hint


def test_an_unknown_key_like_no_other_gets_the_choices() -> None:
    assert "bind" in only("network: {zzz: 1}").hint


@pytest.mark.parametrize("key", ["client_secret", "password", "api_token"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(key: str) -> None:
    problem = only(f"identity:\n  github:\n    client_id: x\n    {key}: hunter2\n")
    assert "client_secret_file" in problem.hint
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("access: {users: octocat}", "access.users", "a list"),
        ("access: {teams: [lsst]}", "access.teams[0]", "right format"),
        ("access: {users: [1]}", "access.users[0]", "quotes"),
        ("site: 3", "site", "a mapping"),
        ("site: {name: ''}", "site.name", "empty"),
        ("site: {public_url: 'http://x/y'}", "site.public_url", "no path"),
        ("site: {public_url: 'ftp://x'}", "site.public_url", "http://"),
        ("labs: {domain: '*.labs.example.net'}", "labs.domain", "without"),
        ("labs: {domain: 'https://labs.example.net'}", "labs.domain", "without"),
        ("labs: {domain: '192.0.2.7'}", "labs.domain", "domain name"),
        ("identity: {provider: gitlab}", "identity.provider", "not one of the choices"),
        ("network: {bind: '127.0.0.1:80'}", "network.bind", "without a port"),
        ("network: {bind: 300.1.1.1}", "network.bind", "neither an IP address"),
        ("network: {bind: '[::1]'}", "network.bind", "neither an IP address"),
        ("identity: {refresh: soon}", "identity.refresh", "not a duration"),
        ("identity: {refresh: 0s}", "identity.refresh", "at least 1 second"),
        ("services: {token_cache: 2m}", "services.token_cache", "at most 1 minute"),
        ("services: {tap: {max_rows: many}}", "services.tap.max_rows", "an integer"),
        ("services: {tap: {enabled: 7}}", "services.tap.enabled", "true or false"),
        ("spawner: {kind: container}", "spawner.kind", "not available yet"),
        ("labs: {sizes: []}", "labs.sizes", "at least 1"),
        ("labs: {sizes: [{name: a, title: A, cpu: 1}]}", "labs.sizes[0].memory", "missing"),
        ("branding: {accent: red}", "branding.accent", "right format"),
    ],
)
def test_a_wrong_value_is_named(text: str, key: str, words: str) -> None:
    problem = only(text)
    assert problem.key == key
    assert words in problem.message
    assert problem.line == 1


@pytest.mark.parametrize(
    ("text", "line", "key", "words", "example"),
    [
        (
            "identity:\n  refresh: 5m\n  provider: github\n",
            3,
            "identity.github",
            "no OAuth application",
            "github: {client_id: ",
        ),
        (
            "labs:\n  token_lifetime: 7d\n  default_size: huge\n",
            3,
            "labs.default_size",
            '"huge" is not one of the sizes: small, medium, large',
            "default_size: small",
        ),
        (
            "labs:\n  sizes:\n    - {name: small, title: A, cpu: 1, memory: 1Gi}\n"
            "    - {name: small, title: B, cpu: 1, memory: 1Gi}\n",
            4,
            "labs.sizes[1].name",
            "Two lab sizes",
            "name: small-2",
        ),
        (
            "identity:\n  token_lifetime: 10d\nlabs:\n  token_lifetime: 20d\n",
            4,
            "labs.token_lifetime",
            "no token lives longer than 10d",
            "token_lifetime: 10d",
        ),
        (
            "services:\n  tap:\n    max_rows: 10\n    default_rows: 11\n",
            4,
            "services.tap.default_rows",
            "11 rows",
            "default_rows: 10",
        ),
        (
            "site: {name: X}\nnetwork:\n  bind: 0.0.0.0\n",
            3,
            "site.public_url",
            "all addresses",
            "public_url: https://",
        ),
        ("site: {}\nquotas:\n  users: 5\n", 3, "quotas.users", "reserved", "quotas: {}"),
        ("site: {}\nquotas: 5\n", 2, "quotas", "not available yet", "quotas: {}"),
    ],
)
def test_what_does_not_fit_is_named_by_its_key_with_line_example_and_what_to_do(
    text: str, line: int, key: str, words: str, example: str
) -> None:
    problem = only(text)
    assert (problem.line, problem.key) == (line, key)
    assert words in problem.message
    assert problem.hint
    assert problem.example.startswith(example)


@pytest.mark.parametrize(
    "bind", ["127.0.0.1", "::1", "192.0.2.7", "localhost", "data-1.example.org"]
)
def test_an_address_or_a_name_can_be_listened_on(bind: str) -> None:
    assert parse_settings(f"network: {{bind: '{bind}'}}").network.bind == bind


def test_all_addresses_can_be_listened_on_where_the_public_one_is_said() -> None:
    text = "site: {public_url: 'https://data.example.org'}\nnetwork: {bind: '::'}"
    assert parse_settings(text).network.is_everywhere


def test_a_default_follows_the_limit_that_is_set() -> None:
    text = "identity: {token_lifetime: 2d}\nservices: {tap: {max_rows: 10}}"
    settings = parse_settings(text)
    assert settings.labs.token_lifetime == timedelta(days=2)
    assert settings.services.tap.default_rows == 10


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 30),
        ("identity: {refresh: 10s}", 1),
        ("identity: {refresh: 10s}\nservices: {token_cache: 60s}", 1),
        ("services: {token_cache: 0s}", 0),
    ],
)
def test_tokens_are_trusted_for_a_tenth_of_the_time_between_checks_at_most(
    text: str, seconds: float
) -> None:
    assert parse_settings(text).services.token_cache == timedelta(seconds=seconds)


def test_all_problems_are_reported_at_once_in_the_order_of_the_file() -> None:
    text = "sitee: {}\naccess:\n  users: a\n  users: b\nquotas: {x: 1}\n"
    assert [problem.line for problem in problems(text)] == [1, 4, 4, 5]


def test_the_report_is_plain_text_with_file_line_and_column() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings("site:\n  nam: x\n", file="platform.yaml")
    assert str(caught.value) == (
        "There is a problem with the configuration.\n\n"
        "platform.yaml:2:3  site.nam\n"
        '    There is no setting "nam" here.\n'
        '    Did you mean "name"?\n'
        "    Example:  name: First Light"
    )
