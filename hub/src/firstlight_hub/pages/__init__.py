"""The hub's pages: templates that extend JupyterHub's, a stylesheet, and the public state."""

from firstlight_hub.pages.handlers import handlers, template_paths
from firstlight_hub.pages.site import template_vars

__all__ = ["handlers", "template_paths", "template_vars"]
