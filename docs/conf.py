"""Sphinx configuration; `make docs` builds with warnings as errors."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE),
    # What runs in labs is not installed in the tools' environment.
    str(HERE.parent / "lab-extensions" / "firstlight-lab" / "src"),
    str(HERE.parent / "sampledata" / "src"),
]

import api  # noqa: E402
import lsst.daf.butler  # noqa: E402, F401 (fails while autodoc has TYPE_CHECKING set)

api.write_pages(HERE.parent, HERE / "reference" / "api")

project = "First Light"
copyright = "2026, the First Light developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "First Light"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
nitpicky = True
# Types of other projects, and names in numpydoc's sections, lead nowhere; links between pages
# (`myst`, `doc`, `ref`) have to be right.
nitpick_ignore_regex = [("py:.*", ".*")]
# Short names that several modules have, such as `Runtime`.
suppress_warnings = ["ref.python"]

autosummary_generate = False
autodoc_member_order = "bysource"
# What SQLAlchemy and pydantic put into every class.
autodoc_default_options = {"members": True, "exclude-members": "metadata, registry, model_config"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# Of the labs' environment only.
autodoc_mock_imports = [
    "matplotlib",
    "PIL",
    "jupyter_client",
    "jupyter_core",
    "jupyter_server",
    "jupyter_server_terminals",
    "jupyterhub.singleuser",
]
numpydoc_show_class_members = False
