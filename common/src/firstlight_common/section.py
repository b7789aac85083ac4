"""The base of every section of ``platform.yaml``, and errors about keys that conflict."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

__all__ = ["MISFIT", "Section", "misfit"]

MISFIT = "misfit"
"""The type of errors about a value that conflicts with another."""


def misfit(
    message: str, key: str, *, hint: str, example: str = "", at: str | None = None
) -> PydanticCustomError:
    """Return the error for a key that conflicts with another.

    Parameters
    ----------
    message
        A sentence that says what is wrong.
    key
        The dotted key to change, counted from the section whose validator raises this.
    hint, example
        How to fix it, and a valid line.
    at
        The key whose line is reported, if `key` is not in the file.
    """
    context = {"message": message, "key": key, "hint": hint, "example": example, "at": at or key}
    return PydanticCustomError(MISFIT, "{message}", context)


class Section(BaseModel):
    """One mapping of ``platform.yaml``; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
