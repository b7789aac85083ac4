"""``python -m firstlight_services.portal --state-dir DIR``."""

from firstlight_services.portal.app import main

if __name__ == "__main__":
    main()
