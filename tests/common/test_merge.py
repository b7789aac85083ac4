from __future__ import annotations

from firstlight_common.merge import merge


def test_merging_keeps_what_is_not_said_again() -> None:
    below = {"identity": {"refresh": "3s", "provider": "local"}, "site": {"name": "X"}}
    above = {"identity": {"provider": "github"}, "access": {"teams": ["a:b"]}}
    assert merge(below, above) == {
        "identity": {"refresh": "3s", "provider": "github"},
        "site": {"name": "X"},
        "access": {"teams": ["a:b"]},
    }
