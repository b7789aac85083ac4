"""How fast First Light is, side by side with named peers: ``python -m benchmarks``.

Nothing in here is part of the platform, and no test waits for a time. Each module compares one
thing, says with what and why that is fair, and measures both sides in turn in the same run.
"""
