"""What every section of ``platform.yaml`` is, and how it says that two keys do not fit."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

__all__ = ["MISFIT", "Section", "misfit"]

MISFIT = "misfit"
"""The type of the errors about a value that is fine by itself, and not beside another."""


def misfit(
    message: str, key: str, *, hint: str, example: str = "", at: str | None = None
) -> PydanticCustomError:
    """Say of one key of a section that it does not fit.

    Parameters
    ----------
    message
        What is wrong, in a sentence.
    key
        The dotted key to change, counted from the section whose validator raises this.
    hint, example
        What to do, and a line that would be right.
    at
        The key whose line to name, if `key` is not in the file.
    """
    context = {"message": message, "key": key, "hint": hint, "example": example, "at": at or key}
    return PydanticCustomError(MISFIT, "{message}", context)


class Section(BaseModel):
    """One mapping of ``platform.yaml``; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
