"""``python -m firstlight_client``."""

from firstlight_client.cli import main

main()
