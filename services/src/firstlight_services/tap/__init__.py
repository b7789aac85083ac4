"""Catalogs: the Table Access Protocol."""
