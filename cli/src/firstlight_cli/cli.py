"""The ``firstlight`` command: every sub-command and its options, without the work behind them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from firstlight_cli.access import mint_link, mint_token, parse_duration
from firstlight_cli.errors import OperatorError
from firstlight_cli.paths import State
from firstlight_cli.version import VERSION

__all__ = ["command", "main"]


def _state_dir[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    return click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
        default="var",
        show_default=True,
        help="The directory where the platform keeps everything.",
    )(function)


_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, resolve_path=True),
    default=None,
    help="The platform.yaml; default: all settings at their defaults.",
)


def _of_a_start[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Add the options of ``up``."""
    for option in (
        click.option("--bind", default=None, help="Address to listen on; overrides network.bind."),
        click.option(
            "--demo", is_flag=True, help="Log in through a pretend GitHub; loopback only."
        ),
        _config,
        _state_dir,
        click.option(
            "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port."
        ),
    ):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="firstlight")
def command() -> None:
    """Start, inspect and operate a First Light science platform."""


@command.command()
@_of_a_start
def up(port: int, state_dir: Path, config: Path | None, demo: bool, bind: str | None) -> None:
    """Start the platform in the foreground; Ctrl-C stops all of it, labs included."""
    from firstlight_cli.up import up as run

    run(state_dir, port=port, config=config, demo=demo, bind=bind)


@command.command("systemd-unit")
@_of_a_start
def systemd_unit(
    port: int, state_dir: Path, config: Path | None, demo: bool, bind: str | None
) -> None:
    """Print a systemd unit that starts the platform on boot and after a failure."""
    from firstlight_cli.unit import render_unit

    click.echo(
        render_unit(port=port, state_dir=state_dir, config=config, demo=demo, bind=bind), nl=False
    )


@command.command()
@_state_dir
def stop(state_dir: Path) -> None:
    """Stop the platform that runs from a state directory."""
    from firstlight_cli.up import stop as run

    if not run(state_dir):
        raise OperatorError(f"No platform runs from {state_dir}.")
    click.echo("stopped")


@command.command(short_help="Show what is running, where, and its health.")
@_state_dir
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(state_dir: Path, as_json: bool) -> None:
    """Show what is running, where, and its health; exit code 1 if a component is not healthy."""
    from firstlight_cli.status import ask_status, show_status

    found = ask_status(State(state_dir))
    if as_json:
        click.echo(found.model_dump_json(indent=1))
    else:
        show_status(found)
    if not all(component.healthy for component in found.components):
        raise SystemExit(1)


@command.command()
@click.option("--user", required=True, help="The owner of the token.")
@click.option(
    "--for", "lifetime", default="1h", show_default=True, help="Its lifetime: 15m, 1h, 7d."
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="A data service, such as tap, or a hub scope; default: all data services.",
)
@_state_dir
def token(user: str, lifetime: str, scopes: tuple[str, ...], state_dir: Path) -> None:
    """Make a token for a person and print it, and nothing else."""
    click.echo(mint_token(State(state_dir), user, seconds=parse_duration(lifetime), scopes=scopes))


@command.command()
@click.option("--user", required=True, help="The name of the person who will use it.")
@click.option("--admin", is_flag=True, help="Log in as an administrator.")
@click.option("--for", "lifetime", default="15m", show_default=True, help="How long it is valid.")
@_state_dir
def link(user: str, admin: bool, lifetime: str, state_dir: Path) -> None:
    """Make a one-time login link and print it."""
    click.echo(mint_link(State(state_dir), user, admin=admin, seconds=parse_duration(lifetime)))


@command.command(short_help="Find problems on this machine, and how to fix them.")
@click.option("--port", type=int, default=8000, show_default=True, help="The public port to check.")
@_state_dir
@_config
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(port: int, state_dir: Path, config: Path | None, as_json: bool) -> None:
    """Find problems with this machine or configuration, and how to fix them."""
    from firstlight_cli.doctor import examine

    found = []
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    marks = {"ok": "✓", "warn": "!", "fail": "✗"}
    for finding in examine(State(state_dir), config, port):
        found.append(finding)
        if not as_json:
            mark = click.style(marks[finding.verdict], fg=colours[finding.verdict])
            click.echo(f"{mark} {finding.what}: {finding.detail}")
            if finding.fix:
                click.echo(f"    → {finding.fix}")
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in found], indent=1))
    if any(finding.verdict == "fail" for finding in found):
        raise SystemExit(1)


@command.command(short_help="Print the log of a component or of a lab.")
@click.argument("name")
@click.option("-f", "--follow", "follows", is_flag=True, help="Keep printing as the log grows.")
@click.option(
    "-n", "lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many lines."
)
@_state_dir
def logs(name: str, follows: bool, lines: int, state_dir: Path) -> None:
    """Print the end of the log of a component (hub, tap, …) or of a lab (lab/USER)."""
    from firstlight_cli.logs import log_file, print_log

    print_log(log_file(State(state_dir), name), lines, follow=follows)


@command.command(
    short_help="Check or show a platform.yaml, or its schema.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("action", type=click.Choice(["check", "show", "schema"]))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def config(action: str, arguments: tuple[str, ...]) -> None:
    """Check a platform.yaml, show what it means, or print its JSON Schema."""
    from firstlight_cli.plan import ask_hub_settings

    done = ask_hub_settings(action, *arguments)
    click.echo(done.stdout, nl=False)
    click.echo(done.stderr, nl=False, err=True)
    raise SystemExit(done.returncode)


def main() -> None:
    """Run the command."""
    command(prog_name="firstlight")
