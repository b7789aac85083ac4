"""Runs the catalog service: ``python -m firstlight_services.tap --state-dir DIR``."""

from firstlight_services.tap.app import main

if __name__ == "__main__":
    main()
