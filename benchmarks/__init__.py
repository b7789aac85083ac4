"""Benchmarks of First Light side by side with named peers: ``python -m benchmarks``.

The package is not part of the platform, and no test depends on a duration. Each module makes one
comparison, explains the peer and why it is fair, and measures both sides alternately in one run.
"""
