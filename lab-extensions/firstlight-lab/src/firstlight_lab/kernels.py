"""The kernels that a lab's server offers: the platform's, and the person's own."""

from __future__ import annotations

from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from traitlets import default

__all__ = ["KernelSpecs"]


class KernelSpecs(KernelSpecManager):
    """Finds the kernels in a person's home, although the rest of their Jupyter files is ignored.

    Notes
    -----
    JupyterHub's ``disable_user_config`` also removes the home from where Jupyter looks for kernels.
    The platform's come first, so that no file in a home can replace them.
    """

    @default("kernel_dirs")
    def _platform_then_home(self) -> list[str]:
        own = str(Path.home() / ".local" / "share" / "jupyter" / "kernels")
        found: list[str] = super()._kernel_dirs_default()
        return [*(path for path in found if path != own), own]
