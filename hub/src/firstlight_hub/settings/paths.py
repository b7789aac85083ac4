"""Paths in ``platform.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

__all__ = ["FilePath"]


def _relative_to_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return folder / path if folder else path


FilePath = Annotated[Path, AfterValidator(_relative_to_the_file)]
"""A file or folder; a relative path counts from the configuration file's folder."""
