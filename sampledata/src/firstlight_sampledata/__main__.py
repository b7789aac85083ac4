"""The program ``python -m firstlight_sampledata --out DIR [--seed N] [--quick]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firstlight_sampledata.stamps import DEFAULT_SEED, Stamps

__all__ = ["main"]


def main() -> int:
    """Make the sample data that are missing and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m firstlight_sampledata", description="Make the sample data that are missing."
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of the random numbers")
    parser.add_argument("--quick", action="store_true", help="simulate a small field, for tests")
    options = parser.parse_args()
    out = options.out.resolve()
    stamps = Stamps(out, seed=options.seed, quick=options.quick)
    if not stamps.missing():
        return 0
    try:
        # Imported late: loading the simulator would delay every start of the platform by a second.
        from firstlight_sampledata.build import build

        build(out, stamps, say=_say)
    except KeyboardInterrupt:
        _say("Interrupted; the next start will make the rest.")
        return 130
    except OSError as error:
        sys.stderr.write(f"Cannot write the sample data: {error}\n")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
