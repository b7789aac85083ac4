"""Who is let in: pure functions."""

from __future__ import annotations

from firstlight_hub.auth.models import Decision, Identity, Lists

__all__ = ["decide", "decide_local"]

_NOBODY: frozenset[str] = frozenset()


def decide(
    lists: Lists, identity: Identity, contact: str = "the operator of this site"
) -> Decision:
    """Decide about somebody of an identity provider.

    Parameters
    ----------
    lists
        The site's lists.
    identity
        Who asks.
    contact
        Whom a person who is turned away should ask.

    Notes
    -----
    The block list wins over everything and holds for every login the account was ever seen with.
    Nobody is let in who is on no list. An entry in the list of people stays with the account that
    was first let in by it: through a rename, and against who registers the name later. Being an
    administrator by login needs the login now: names can be prepared, rights must not be.
    """
    if identity.seen_logins & lists.blocked:
        return _refuse(
            "blocked",
            f"The account {identity.login} is blocked on this site.",
            f"If you think that this is a mistake, ask {contact}.",
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
            f"The name {identity.login} belonged to another account when it was let in here.",
            f"Ask {contact} to list you in another way, for instance by a team.",
        )
    return _refuse(
        "not_listed",
        f"The account {identity.login} is not on this site's list.",
        f"If you think that you should have access, ask {contact} and tell them that name.",
    )


def decide_local(
    lists: Lists, username: str, *, operator: bool, contact: str = "the operator of this site"
) -> Decision:
    """Decide about somebody who has a one-time link: the operator vouches, the block list wins."""
    if username.lower() in lists.blocked:
        return _refuse(
            "blocked",
            f"The account {username} is blocked on this site.",
            f"If you think that this is a mistake, ask {contact}.",
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
