"""The catalog service: the IVOA's Table Access Protocol."""
