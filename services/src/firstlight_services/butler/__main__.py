"""``python -m firstlight_services.butler --state-dir DIR``."""

from firstlight_services.butler.app import main

if __name__ == "__main__":
    main()
