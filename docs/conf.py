"""Sphinx configuration; `make docs` builds with warnings as errors."""

project = "First Light"
copyright = "2026, the First Light developers"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "First Light"
html_static_path = ["_static"]
nitpicky = True
