"""Files of a lab as JupyterLab reads and writes them; each operation needs a thread."""

from __future__ import annotations

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from pydantic import JsonValue

from firstlight_lab.limits import explaining

__all__ = ["LabContents"]

type Model = dict[str, JsonValue]
"""A file or a directory in Jupyter's contents API."""


class LabContents(AsyncLargeFileManager):
    """Reads and writes files; if the lab has too many processes, the error says so."""

    async def get(self, path: str, **options: JsonValue) -> Model:
        """Return a file or a directory."""
        with explaining("This cannot be opened"):
            found: Model = await super().get(path, **options)
            return found

    async def save(self, model: Model, path: str = "") -> Model:
        """Write a file, also a new one."""
        with explaining("This cannot be saved"):
            saved: Model = await super().save(model, path)
            return saved

    async def copy(self, from_path: str, to_path: str | None = None) -> Model:
        """Copy a file or a directory."""
        with explaining("This cannot be copied"):
            copied: Model = await super().copy(from_path, to_path)
            return copied

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """Rename a file or a directory."""
        with explaining("This cannot be renamed"):
            await super().rename_file(old_path, new_path)

    async def delete_file(self, path: str) -> None:
        """Delete a file or a directory."""
        with explaining("This cannot be deleted"):
            await super().delete_file(path)

    async def create_checkpoint(self, path: str) -> Model:
        """Store the state of a file to which one can return."""
        with explaining("This checkpoint cannot be saved"):
            made: Model = await super().create_checkpoint(path)
            return made
