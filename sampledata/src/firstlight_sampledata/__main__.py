"""``python -m firstlight_sampledata --out DIR [--seed N] [--quick]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firstlight_sampledata.stamps import DEFAULT_SEED, Stamps


def main() -> int:
    """Make the data unless they are there."""
    parser = argparse.ArgumentParser(prog="python -m firstlight_sampledata")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--quick", action="store_true", help="a small field, for tests")
    options = parser.parse_args()
    out = options.out.resolve()
    stamps = Stamps(out, seed=options.seed, quick=options.quick)
    if not stamps.missing():
        return 0
    try:
        # What makes them takes a second to load, at every start of the platform.
        from firstlight_sampledata.build import build

        build(out, stamps, say=_say)
    except KeyboardInterrupt:
        _say("Stopped; the next start makes the rest.")
        return 130
    except OSError as error:
        sys.stderr.write(f"The sample data could not be written: {error}\n")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
