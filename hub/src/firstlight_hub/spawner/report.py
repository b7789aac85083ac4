"""``python -m firstlight_hub.spawner.report``: what this machine enforces on labs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from firstlight_hub.spawner.machine import probe
from firstlight_hub.spawner.policy import guarantees

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each guarantee, or all as JSON."""
    parser = argparse.ArgumentParser(prog="python -m firstlight_hub.spawner.report")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--isolation", choices=["auto", "require", "off"], default="auto")
    parser.add_argument("--user-namespaces", action="store_true", help="labs may create them")
    options = parser.parse_args(arguments)
    found = guarantees(options.isolation, probe(), user_namespaces=options.user_namespaces)
    if options.json:
        sys.stdout.write(json.dumps([item.as_json() for item in found], indent=1) + "\n")
    else:
        for item in found:
            mark = "✓" if item.enforced else "✗"
            sys.stdout.write(f"{mark} {item.name}: {item.detail}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
