"""Resolved queries as SQL, one module an engine."""
