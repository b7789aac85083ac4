"""Numbers as strings."""

from __future__ import annotations

import math

import numpy as np

from firstlight_services.tap.models import Type

__all__ = ["number_text"]


def number_text(value: int | float | None, kind: Type) -> str:
    """Return the shortest string for a number that reads back the same; empty for NULL and NaN."""
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return "" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    return str(np.float32(value)) if kind is Type.FLOAT else repr(value)
