"""``python -m firstlight_hub.settings``: check, show and describe the configuration."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from firstlight_hub.components import ComponentError
from firstlight_hub.settings.keys import human
from firstlight_hub.settings.loader import SettingsError, load_settings
from firstlight_hub.settings.messages import dump
from firstlight_hub.settings.reference import json_schema, reference

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "reference":
            sys.stdout.write(reference())
            return 0
        if options.command == "schema":
            sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
            return 0
        settings = load_settings(
            options.config or options.file,
            surroundings=os.environ if options.check_machine else None,
        )
    except (ComponentError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.command == "check":
        named = options.config or options.file
        sys.stdout.write("OK\n" if named else "OK: no file was named; these are the defaults\n")
    elif options.format == "json":
        sys.stdout.write(json.dumps(settings.model_dump(mode="json"), indent=2) + "\n")
    else:
        sys.stdout.write(dump(human(settings)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="firstlight config", description="Look at platform.yaml.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="print OK, or every mistake")
    show = commands.add_parser("show", help="print all settings with their values")
    check.set_defaults(check_machine=True)
    show.add_argument("--format", choices=["yaml", "json"], default="yaml")
    show.add_argument(
        "--check-machine",
        action="store_true",
        help="also check what the file names, as check does",
    )
    for command in (check, show):
        where = command.add_mutually_exclusive_group()
        where.add_argument("file", type=Path, nargs="?", metavar="FILE", help="default: no file")
        where.add_argument("--config", type=Path, metavar="FILE", help="the same")
    commands.add_parser("schema", help="print the JSON Schema of platform.yaml")
    commands.add_parser("reference", help="print the reference page in Markdown")
    return parser


if __name__ == "__main__":
    sys.exit(main())
