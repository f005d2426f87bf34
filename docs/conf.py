"""Settings of Sphinx; `make docs` builds with every warning an error."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parsl_like.version import VERSION  # noqa: E402 - the checkout's own, whatever is installed

project = "parsl_like"
author = "The parsl_like developers"
copyright = author
version = release = VERSION

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "adr/template.md"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"parsl_like {VERSION}"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_mock_imports = ["boto3", "botocore", "globus_sdk", "kubernetes", "paramiko"]
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# Their documents are not built with ours, and the build asks no other machine.
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|concurrent|contextlib|logging|os|pathlib|threading|types|typing)\..*"),
    (r"py:.*", r"(click|cloudpickle|msgspec|pluggy|psutil|rich|zmq)\..*"),
]

doctest_global_setup = "import parsl_like"
