"""``python -m firstlight_cli``."""

from firstlight_cli.cli import main

main()
