"""The hub's look: templates that extend JupyterHub's, one stylesheet, the public state."""

from firstlight_hub.pages.handlers import handlers, template_paths

__all__ = ["handlers", "template_paths"]
