"""ADQL 2.1: text to syntax tree."""

from firstlight_services.tap.adql.parser import parse

__all__ = ["parse"]
