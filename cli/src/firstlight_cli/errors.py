"""Errors for the operator: one sentence, and how to fix it."""

from __future__ import annotations

from typing import IO

import click

__all__ = ["MisunderstoodError", "OperatorError"]


class OperatorError(click.ClickException):
    """A failure in one sentence, and what to do about it.

    Parameters
    ----------
    message
        What happened and why.
    fix
        What to do next, if anything.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix

    def show(self, file: IO[str] | None = None) -> None:  # noqa: ARG002 (click's signature)
        """Print the message, and the fix below it."""
        click.secho(f"✗ {self.message}", fg="red", err=True)
        if self.fix:
            click.echo(f"  {self.fix}", err=True)


class MisunderstoodError(OperatorError):
    """An invalid option or argument: exit code 2, as for an unknown option."""

    exit_code = 2
