"""``python -m firstlight_client.demo_github``."""

from firstlight_client.demo_github.cli import command

command(prog_name="firstlight demo-github")
