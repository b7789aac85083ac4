"""What the operator is told when something is not right."""

from __future__ import annotations

import click

__all__ = ["MisunderstoodError", "OperatorError"]


class OperatorError(click.ClickException):
    """A failure in one sentence, and what to do about it.

    Parameters
    ----------
    message
        What happened and why.
    fix
        What to do next; may be empty.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix

    def show(self, file: object = None) -> None:  # noqa: ARG002 (click's signature)
        """Print the sentence, and below it the fix."""
        click.secho(f"✗ {self.message}", fg="red", err=True)
        if self.fix:
            click.echo(f"  {self.fix}", err=True)


class MisunderstoodError(OperatorError):
    """What was typed makes no sense: exit code 2, as for an unknown option."""

    exit_code = 2
