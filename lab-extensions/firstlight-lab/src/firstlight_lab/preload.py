"""What a lab's server and its kernels import, for the process that labs are forked from.

Notes
-----
`firstlight_hub.spawner.fork_server` calls `prepare` once, and `begin` in each lab. What is imported
here may not start a thread, an event loop or a context of ZeroMQ; what it takes from the home or
the environment meanwhile needs a line in `firstlight_lab.kernel_python`.
"""

from __future__ import annotations

import builtins
import os
import sys
from importlib import import_module

from firstlight_lab import kernel_forks
from firstlight_lab.env import lab_environment

__all__ = ["KERNEL", "SERVER", "begin", "prepare"]

SERVER = (
    "runpy",
    "IPython",
    "httpcore",
    "jinja2.ext",
    "jupyter_core.migrate",
    "jupyter_server.kernelspecs.handlers",
    "jupyter_server.nbconvert.handlers",
    *(
        f"jupyter_server.services.{name}.handlers"
        for name in (
            "api",
            "config",
            "contents",
            "events",
            "kernels",
            "kernelspecs",
            "nbconvert",
            "security",
        )
    ),
    "jupyter_server.services.shutdown",
    "jupyter_server.view.handlers",
    "jupyter_lsp.virtual_documents_shadow",
    "tornado.platform.asyncio",
    "jupyterhub.singleuser",
    "jupyterlab.labapp",
    "jupyterlab.handlers.announcements",
    "jupyterlab.handlers.build_handler",
    "jupyterlab.handlers.error_handler",
    "jupyterlab.handlers.extension_manager_handler",
    "jupyterlab.handlers.plugin_manager_handler",
    "jupyterlab.extensions.pypi",
    "jupyterlab.extensions.readonly",
    "jupyter_lsp.handlers",
    "jupyter_lsp.serverextension",
    "jupyter_server_terminals.api_handlers",
    "jupyter_server_terminals.handlers",
    "notebook_shim.nbserver",
    "panel.io.jupyter_server_extension",
    "firstlight_lab.contents",
    "firstlight_lab.login",
    "firstlight_lab.server",
    "firstlight_lab.websockets",
)
"""Jupyter's server, the extensions that it loads, and ours."""


KERNEL = (
    "ipykernel.kernelapp",
    "numpy",
    "numpy.random",
    "pandas",
    "matplotlib.pyplot",
    "astropy.coordinates",
    "astropy.table",
    "astropy.units",
    "astropy.io.fits",
    "astropy.io.votable",
    "pyvo",
    "lsst.rsp",
    "lsst.daf.butler",
)
"""IPython's kernel, and what most notebooks import first."""


_READ_VARIABLES = (
    "firstlight_lab.hub_outage",
    "firstlight_lab.login",
    "jupyterhub.services.auth",
    "jupyterhub.singleuser",
    "jupyterlab.labapp",
)
"""What reads a lab's variables when it is imported: it is small, and each lab imports it anew."""


class _Shell:
    """What some libraries look for when they are imported: IPython's shell in a kernel."""

    kernel = None


def prepare() -> None:
    """Import all of these modules."""
    os.environ.update(lab_environment())
    # Without its debugger, as in `firstlight_lab.kernel_launcher`.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    import_module("ipykernel.debugger")
    del sys.modules["debugpy"]
    vars(builtins)["get_ipython"] = _Shell
    for module in KERNEL:
        import_module(module)
    del vars(builtins)["get_ipython"]
    for module in SERVER:
        import_module(module)


def begin() -> None:
    """Prepare the lab that this process is about to become, behind its walls."""
    for name in list(sys.modules):
        if any(name == one or name.startswith(f"{one}.") for one in _READ_VARIABLES):
            package, _, module = name.rpartition(".")
            vars(sys.modules.get(package, sys)).pop(module, None)
            del sys.modules[name]
    kernel_forks.begin()
