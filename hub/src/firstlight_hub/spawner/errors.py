"""Errors with a message for the person, which the hub's pages show as it is."""

from __future__ import annotations

from html import escape

from jupyterhub.spawner import SpawnException

__all__ = ["LabStartError"]


class LabStartError(SpawnException):
    """A lab did not start.

    JupyterHub's progress and "not running" pages show an exception's ``jupyterhub_message`` and
    ``jupyterhub_html_message``, which upstream's class does not have.

    Parameters
    ----------
    message
        What the person reads.
    reason
        A label for the metrics.
    log_message
        What the hub's log says; by default the message.
    details
        More HTML, for administrators.
    status
        The HTTP status of the page.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        log_message: str = "",
        details: str = "",
        status: int = 400,
    ) -> None:
        html = f"<p>{escape(message)}</p>{details}"
        super().__init__(
            message, reason=reason, log_message=log_message, message_html=html, status_code=status
        )
        self.jupyterhub_message = message
        self.jupyterhub_html_message = html
