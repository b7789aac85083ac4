"""ADQL 2.1: from text to a syntax tree."""

from firstlight_services.tap.adql.parser import parse

__all__ = ["parse"]
