from __future__ import annotations

import pytest

from firstlight_hub.auth import Identity, Lists, decide, decide_local

NOTHING = Lists()
BY_USER = Lists(users=frozenset({"OctoCat"}))
BY_ORGANIZATION = Lists(organizations=frozenset({"LSST"}))
BY_TEAM = Lists(teams=frozenset({"lsst:DP0-Users"}))
ADMINS = Lists(admin_users=frozenset({"Vera"}), admin_teams=frozenset({"lsst:sqre"}))
BLOCKING = Lists(
    users=frozenset({"mallory"}),
    organizations=frozenset({"lsst"}),
    admin_users=frozenset({"mallory"}),
    blocked=frozenset({"Mallory"}),
)


def who(
    login: str,
    *,
    orgs: set[str] | None = None,
    teams: set[str] | None = None,
    seen: set[str] | None = None,
    own: set[str] | None = None,
) -> Identity:
    return Identity(
        login,
        "1",
        organizations=frozenset(orgs or ()),
        teams=frozenset(teams or ()),
        seen_logins=frozenset(seen or ()),
        own_logins=None if own is None else frozenset(own),
    )


CASES = [
    ("empty lists allow nobody", NOTHING, who("octocat"), False, False, "not_listed"),
    ("nor by being in some team", NOTHING, who("a", teams={"x:y"}), False, False, "not_listed"),
    ("a listed login", BY_USER, who("octocat"), True, False, "user"),
    ("logins have no case", BY_USER, who("OCTOCAT"), True, False, "user"),
    ("another login", BY_USER, who("octocat2"), False, False, "not_listed"),
    ("a member", BY_ORGANIZATION, who("a", orgs={"Lsst"}), True, False, "organization"),
    ("a team makes a member", BY_ORGANIZATION, who("a", teams={"lsst:x"}), True, False, "organization"),
    ("a member of another", BY_ORGANIZATION, who("a", orgs={"lsst2"}), False, False, "not_listed"),
    ("a team member", BY_TEAM, who("a", teams={"LSST:dp0-users"}), True, False, "team"),
    ("a member without the team", BY_TEAM, who("a", orgs={"lsst"}), False, False, "not_listed"),
    ("the team of another", BY_TEAM, who("a", teams={"evil:dp0-users"}), False, False, "not_listed"),
    ("an organization named as a login", BY_USER, who("a", orgs={"octocat"}), False, False, "not_listed"),
    ("an administrator by login", ADMINS, who("vera"), True, True, "administrator"),
    ("an administrator by team", ADMINS, who("a", teams={"lsst:sqre"}), True, True, "administrator"),
    ("administrators' lists let nobody else in", ADMINS, who("a", orgs={"lsst"}), False, False, "not_listed"),
    ("the block list wins over all", BLOCKING, who("mallory", orgs={"lsst"}), False, False, "blocked"),
    ("and has no case", BLOCKING, who("MALLORY"), False, False, "blocked"),
    ("and holds after a rename", BLOCKING, who("nice", orgs={"lsst"}, seen={"mallory"}), False, False, "blocked"),
    ("others are not blocked", BLOCKING, who("a", orgs={"lsst"}), True, False, "organization"),
    ("a renamed account stays", BY_USER, who("kitty", own={"kitty", "octocat"}), True, False, "user"),
    ("a re-registered name does not inherit", BY_USER, who("octocat", own=set()), False, False, "name_of_another"),
    ("nor an administrator's", ADMINS, who("vera", own=set()), False, False, "name_of_another"),
    ("but gets in by a team", BY_TEAM, who("x", own=set(), teams={"lsst:dp0-users"}), True, False, "team"),
    ("a renamed administrator is listed anew", ADMINS, who("new", own={"new", "vera"}), False, False, "not_listed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lists", "identity", "allowed", "admin", "code"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_decisions(lists: Lists, identity: Identity, allowed: bool, admin: bool, code: str) -> None:
    decision = decide(lists, identity)
    assert (decision.allowed, decision.admin, decision.code) == (allowed, admin, code)


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_who_is_turned_away_reads_why_and_whom_to_ask(case: tuple[object, ...]) -> None:
    decision = decide(case[1], case[2], "help@example.org")  # type: ignore[arg-type]
    if decision.allowed:
        assert decision.message == ""
    else:
        assert case[2].login in decision.sentence  # type: ignore[attr-defined]
        assert "help@example.org" in decision.next_step
        assert decision.groups == frozenset()


def test_groups_are_the_teams_in_named_organizations() -> None:
    lists = Lists(
        users=frozenset({"a"}), teams=frozenset({"lsst:dp0"}), admin_teams=frozenset({"ops:root"})
    )
    teams = {"LSST:dp0", "lsst:Other", "ops:staff", "private:secret"}
    assert decide(lists, who("a", teams=teams)).groups == {"lsst:dp0", "lsst:other", "ops:staff"}


def test_no_memberships_are_needed_when_no_list_names_any() -> None:
    assert not BY_USER.needs_memberships
    assert BY_TEAM.needs_memberships
    assert ADMINS.needs_memberships


@pytest.mark.parametrize("operator", [True, False])
def test_who_has_a_link_is_let_in(operator: bool) -> None:
    decision = decide_local(NOTHING, "amelia", operator=operator)
    assert (decision.allowed, decision.admin) == (True, operator)


def test_who_has_a_link_can_be_blocked() -> None:
    assert decide_local(BLOCKING, "mallory", operator=True).code == "blocked"
