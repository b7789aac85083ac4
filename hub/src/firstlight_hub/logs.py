"""What must not appear in the hub's log."""

from __future__ import annotations

import logging
import re

__all__ = ["keep_secrets_out"]

_QUERY = re.compile(r"(?<=\S)\?[^\s'\")]+")


def keep_secrets_out() -> None:
    """Remove the secrets that tornado's and JupyterHub's own redaction leaves in the log.

    JupyterHub's request log hides login codes and link tokens, but tornado's warning about a
    refused request does not; and JupyterHub logs the session's id with each new anti-forgery
    cookie.
    """
    for name in ("tornado.general", "tornado.application"):
        logging.getLogger(name).addFilter(_without_secrets)


def _without_secrets(record: logging.LogRecord) -> bool:
    record.msg, record.args = _QUERY.sub("?…", record.getMessage()), None
    return not record.msg.startswith("Setting new xsrf cookie")
