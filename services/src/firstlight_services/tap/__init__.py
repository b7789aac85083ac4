"""Catalogs through the Table Access Protocol (IVOA TAP 1.1)."""
