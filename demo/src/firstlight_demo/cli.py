"""The command line of the pretend GitHub."""

from __future__ import annotations

import os

import click

from firstlight_common.commands import firstlight

__all__ = ["command"]


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="Port on 127.0.0.1.")
@click.option("--public-url", default="", help="The address to print, as seen by browsers.")
@click.option("--callback-url", required=True, help="Address of the hub's oauth_callback.")
def command(port: int, public_url: str, callback_url: str) -> None:
    """Run the pretend GitHub of `up --demo`; DEMO_GITHUB_CLIENT_SECRET holds the client secret."""
    from firstlight_demo.app import PREFIX, serve

    secret = os.environ.get("DEMO_GITHUB_CLIENT_SECRET", "")
    if not secret:
        raise click.UsageError(
            f"DEMO_GITHUB_CLIENT_SECRET is not set; `{firstlight('up', '--demo')}` sets it."
        )
    click.echo(f"pretend GitHub at {public_url or f'http://127.0.0.1:{port}{PREFIX}'}")
    serve(port, callback_url, secret)
