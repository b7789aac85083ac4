"""What every First Light distribution may import: look, paths, errors, components."""

__version__ = "0.1.0"
