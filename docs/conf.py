"""Settings of Sphinx; `make docs` builds with every warning an error."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "_ext")]

from parsl_like.version import VERSION  # noqa: E402 - the checkout's own, whatever is installed

project = "parsl_like"
author = "The parsl_like developers"
copyright = author
version = release = VERSION

extensions = [
    "description_fields",
    "docstrings",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "adr/template.md", "examples"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"parsl_like {VERSION}"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_mock_imports = ["boto3", "botocore", "globus_sdk", "kubernetes", "paramiko"]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Their documents are not built with ours, and the build asks no other machine.
nitpick_ignore_regex = [
    (r"py:.*", r"(collections|concurrent|contextlib|logging|os|pathlib|threading|types|typing)\..*"),
    (r"py:.*", r"(_pytest|click|cloudpickle|msgspec|pluggy|psutil|rich|zmq)\..*"),
    # Type variables, names of the standard library imported for type checkers only, and what nobody outside uses.
    (r"py:.*", r"~?([\w.]+\.)?([A-Z]|P\.args|P\.kwargs)"),
    (r"py:.*", r"Executor|Future|Path|PurePath|PurePosixPath|CancelledError|FixtureRequest"),
    (r"py:.*", r"([\w.]+\.)?(Bash|Join|Python)Decorator"),
    (r"py:.*", r"([\w.]+\.)?(AppSpec|Callable(Dict|Int|List)|DataManager|Executors|Failing|Options|Renamed)"),
    (r"py:.*", r"([\w.]+\.)?(Acknowledge|FileFutures|Served|TaskRow|Transport)"),
]

# The examples of a page run one after another, in an empty directory of their own, and may leave a kernel loaded.
doctest_global_setup = """
import os, tempfile
import parsl_like
_before, _scratch = os.getcwd(), tempfile.TemporaryDirectory()
os.chdir(_scratch.name)
"""
doctest_global_cleanup = """
parsl_like.clear()
os.chdir(_before)
_scratch.cleanup()
"""
