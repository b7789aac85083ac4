"""Who has access: pure functions."""

from __future__ import annotations

from firstlight_hub.auth.models import Decision, Identity, Lists

__all__ = ["decide", "decide_local"]

_NOBODY: frozenset[str] = frozenset()


def decide(
    lists: Lists, identity: Identity, contact: str = "the operator of this site"
) -> Decision:
    """Decide about a person who logs in through an identity provider.

    Parameters
    ----------
    lists
        The site's lists.
    identity
        Who wants access.
    contact
        Whom a person without access should ask.

    Notes
    -----
    The block list wins over everything and applies to every login that the account has been seen
    with. Without an entry on any list there is no access. An entry in the list of users stays with
    the account that first got access by it: renaming the account does not lose it, and whoever
    registers the old name later does not inherit it. An administrator listed by login must have
    that login at present: an old name may keep access, but must not keep rights.
    """
    if identity.seen_logins & lists.blocked:
        return _refuse(
            "blocked",
            f"The account {identity.login} is blocked on this site.",
            f"If you think this is a mistake, ask {contact}.",
        )
    own = identity.own_logins or _NOBODY
    admin = _is_admin(lists, identity, own)
    code = "administrator" if admin else _why(lists, identity, own)
    if code:
        groups = _groups(lists, identity)
        return Decision(True, admin, groups, code)
    if identity.login.lower() in (lists.users | lists.admin_users) - own:
        return _refuse(
            "name_of_another",
            f"The name {identity.login} belonged to another account when it was first used here.",
            f"Ask {contact} to add you in another way, for instance through a team.",
        )
    return _refuse(
        "not_listed",
        f"The account {identity.login} is not on this site's list.",
        f"If you think you should have access, ask {contact} and mention that name.",
    )


def decide_local(
    lists: Lists, username: str, *, operator: bool, contact: str = "the operator of this site"
) -> Decision:
    """Decide about a person with a one-time link: allowed, unless they are on the block list."""
    if username.lower() in lists.blocked:
        return _refuse(
            "blocked",
            f"The account {username} is blocked on this site.",
            f"If you think this is a mistake, ask {contact}.",
        )
    return Decision(True, operator, _NOBODY, "administrator" if operator else "invited")


def _is_admin(lists: Lists, identity: Identity, own: frozenset[str]) -> bool:
    by_login = identity.login.lower() in lists.admin_users & own
    return by_login or bool(identity.teams & lists.admin_teams)


def _why(lists: Lists, identity: Identity, own: frozenset[str]) -> str:
    if own & lists.users:
        return "user"
    if identity.teams & lists.teams:
        return "team"
    if identity.organizations & lists.organizations:
        return "organization"
    return ""


def _groups(lists: Lists, identity: Identity) -> frozenset[str]:
    named = lists.named_organizations
    return frozenset(team for team in identity.teams if team.partition(":")[0] in named)


def _refuse(code: str, sentence: str, next_step: str) -> Decision:
    return Decision(False, False, _NOBODY, code, sentence, next_step)
