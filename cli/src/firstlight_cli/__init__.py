"""The ``firstlight`` command: start, inspect and operate a First Light platform."""
