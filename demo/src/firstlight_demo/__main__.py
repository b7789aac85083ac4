"""The program ``python -m firstlight_demo``."""

from firstlight_demo.cli import command

command(prog_name="python -m firstlight_demo")
