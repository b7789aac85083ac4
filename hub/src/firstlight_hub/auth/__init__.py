"""Who has access: GitHub or one-time links, allow-lists, and repeated checks."""

from firstlight_hub.auth.configure import configure_authenticator
from firstlight_hub.auth.github import FirstLightGitHubAuthenticator
from firstlight_hub.auth.local import LocalLinkAuthenticator
from firstlight_hub.auth.models import Decision, Identity, Lists
from firstlight_hub.auth.policy import decide, decide_local
from firstlight_hub.auth.recheck import start_rechecks

__all__ = [
    "Decision",
    "FirstLightGitHubAuthenticator",
    "Identity",
    "Lists",
    "LocalLinkAuthenticator",
    "configure_authenticator",
    "decide",
    "decide_local",
    "start_rechecks",
]
