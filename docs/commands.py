"""Write the reference page of commands from their own help texts.

``python docs/commands.py > docs/reference/commands.md``; a test keeps the page up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from firstlight_cli.cli import command

HEAD = """\
# Commands

<!-- Written by `python docs/commands.py`; do not edit by hand. -->

## `make`

In a checkout, `make` is all you need. It first installs whatever is missing.

"""

FIRSTLIGHT = """\
## `firstlight`

`make` installs the command into the platform's environment: in a checkout it is
`.venv/bin/firstlight`. Its exit code is 0 on success, 1 if something is wrong, and 2 if it was
called incorrectly. Every error message says what to do next.

"""

NOTES = {
    "up": "`make up` does this after it has installed what is missing. The demo "
    "replaces the login and access lists of `platform.yaml` with a pretend GitHub and its teams, "
    "and refuses to listen on anything but loopback. If an earlier one was killed, its "
    "labs go on, and this one takes them over.",
    "systemd-unit": "The options are those of `up`. "
    "[Run as a service](../how-to/run-as-a-service.md) says what to do with it.",
    "stop": "Ctrl-C in the terminal of `firstlight up` does the same. Labs are stopped too; homes "
    "and data stay. It also ends what a `firstlight up` that was killed left behind.",
    "status": "The counts of people and labs are missing while the hub is unavailable.",
    "token": "The person has to have logged in once. A scope is a data service's name, or one of "
    "JupyterHub's own, such as `read:users:activity!user=NAME`.",
    "link": "The link works once. In the browser it shows a page with a button, so that a chat "
    "program's preview does not use it up. A name that belongs to a GitHub account is refused.",
    "logs": "Names are `proxy`, `hub`, `tap`, `butler`, `portal`, `demo-github`, `supervisor`, and "
    "`lab/USER`.",
    "config": "`check` prints OK, or every problem with its line. `show` prints all "
    "settings with their values, as `--format yaml` or `json`. `schema` prints JSON Schema. "
    "`check` and `show` take `--config FILE`; without it, they use the defaults.",
}

EXAMPLES = {
    "up": "firstlight up --port 8080 --state-dir /srv/firstlight --config platform.yaml",
    "systemd-unit": "firstlight systemd-unit --state-dir /srv/firstlight > firstlight.service",
    "status": "firstlight status --json",
    "token": "firstlight token --user mira-member --for 7d --scope tap",
    "link": "firstlight link --user grace --for 1h",
    "doctor": "firstlight doctor --config platform.yaml",
    "logs": "firstlight logs hub -f",
    "config": "firstlight config check --config platform.yaml",
}

MODULES = """\
## Programs behind the commands

You rarely need these; the commands above call them.

"""

PROGRAMS = {
    "python -m firstlight_hub.settings reference": "writes "
    "[the configuration reference](configuration.md)",
    "python docs/commands.py": "writes this page",
    "python -m firstlight_services.NAME --state-dir DIR": "runs one data service in the foreground",
    "python -m firstlight_demo --port N --callback-url URL": "runs the pretend GitHub, which "
    "`firstlight up --demo` does for you; the secret is in `DEMO_GITHUB_CLIENT_SECRET`",
    "python -m firstlight_sampledata --out DIR": "makes the sample images and catalogs, in the "
    "labs' environment; `--quick` makes a small field, `--seed N` a different sky",
    "python -m firstlight_services.tap.prepare --state-dir DIR": "loads the data sets' catalogs, "
    "but only those that are out of date",
}


def page(makefile: Path) -> str:
    """Write the page, in Markdown."""
    context = click.Context(command, info_name="firstlight")
    names = command.list_commands(context)
    parts = [HEAD + _targets(makefile.read_text(encoding="utf-8")), FIRSTLIGHT + _overview(names)]
    parts += [_section(name) for name in names]
    programs = [f"| `{name}` | {what} |" for name, what in PROGRAMS.items()]
    return "\n".join([*parts, MODULES + "\n".join([*_HEADING, *programs]) + "\n"])


_HEADING = ("| command | what it does |", "|---|---|")


def _targets(makefile: str) -> str:
    rows = re.findall(r"^([a-z]+):.*## (.*)$", makefile, re.MULTILINE)
    table = ["| command | what it does |", "|---|---|"]
    return (
        "\n".join([*table, *(f"| `make {name}` | {_cell(what)} |" for name, what in rows)]) + "\n"
    )


def _overview(names: list[str]) -> str:
    table = [f"| [`{name}`](#firstlight-{name}) | {_help(_get(name))} |" for name in names]
    return "\n".join([*_HEADING, *table]) + "\n"


def _section(name: str) -> str:
    found = _get(name)
    parts = [f"### `firstlight {name}`", _help(found)]
    if name in NOTES:
        parts.append(NOTES[name])
    if name in EXAMPLES:
        parts.append(f"```sh\n{EXAMPLES[name]}\n```")
    rows = [_row(parameter) for parameter in found.params]
    if rows:
        head = "| argument or option | default | what it does |\n|---|---|---|"
        parts.append("\n".join([head, *rows]))
    return "\n\n".join(parts) + "\n"


def _row(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        value = "" if parameter.is_flag else f" {_metavar(parameter)}"
        name = ", ".join(f"`{option}{value}`" for option in parameter.opts)
        what = parameter.help or ""
        if parameter.multiple:
            what += " May be given several times."
    else:
        name, what = f"`{_metavar(parameter)}`", _ARGUMENTS.get(parameter.name or "", "")
    default = "*required*" if parameter.required else _default(parameter)
    return f"| {name} | {default} | {_cell(what)} |"


_ARGUMENTS = {
    "name": "Whose log.",
    "action": "What to do.",
    "arguments": "What the action takes.",
}


def _default(parameter: click.Parameter) -> str:
    value = parameter.default
    shown = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return f"`{value}`" if shown else ""


def _metavar(parameter: click.Parameter) -> str:
    kind = parameter.type
    if isinstance(kind, click.Choice):
        return "\\|".join(kind.choices)
    if isinstance(parameter, click.Argument):
        return (parameter.name or "").upper()
    if isinstance(kind, click.Path):
        return "FILE" if kind.file_okay else "DIR"
    return "N" if isinstance(kind, click.types.IntParamType) else "TEXT"


def _get(name: str) -> click.Command:
    found = command.get_command(click.Context(command), name)
    if found is None:
        raise LookupError(name)
    return found


def _help(found: click.Command) -> str:
    return _cell(found.help or "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page(Path(__file__).parent.parent / "Makefile"))
