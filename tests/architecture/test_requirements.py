"""What the package imports is declared, once, and requirements.txt says the same as setup.py."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# The import name, where it differs from the distribution's.
DISTRIBUTIONS = {"zmq": "pyzmq", "globus_sdk": "globus-sdk", "googleapiclient": "google-api-python-client"}


def declared() -> dict[str, list[str]]:
    """The requirement lines of setup.py: "core" and one list for each extra."""
    found: dict[str, list[str]] = {}
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            name = ast.unparse(node.targets[0])
            if name == "CORE":
                found["core"] = ast.literal_eval(node.value)
            elif name in ("EXTRAS", "DEVELOPMENT"):
                found |= ast.literal_eval(node.value)
    return found


def project(line: str) -> str:
    return re.split(r"[<>=!~\[; ]", line)[0]


def test_requirements_txt_agrees_with_setup_py() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = {line for line in lines if line and not line.startswith(("#", "-e"))}
    in_setup = declared()
    assert wanted <= {line for group in in_setup.values() for line in group}
    assert set(in_setup["core"]) <= wanted
    for extra in ("ssh", "aws", "kubernetes", "globus"):
        assert set(in_setup[extra]) <= wanted, extra
    assert "-e ." in lines


def test_the_extras_are_those_promised() -> None:
    assert set(declared()) == {
        *("core", "ssh", "aws", "kubernetes", "globus", "google", "azure", "dashboard", "docs", "test"),
    }


def test_every_third_party_import_is_declared() -> None:
    known = {project(line) for lines in declared().values() for line in lines}
    prefixes = {name.split("-")[0] for name in known if name.startswith(("azure-", "google-"))}
    # Programs with a Python interface of their own come with the program, not from an index.
    brought_by_the_site = {"flux", "ndcctools", "work_queue", "radical"}
    undeclared = {}
    for path in (ROOT / "parsl_like").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top in sys.stdlib_module_names or top in brought_by_the_site | prefixes | {"parsl_like"}:
                    continue
                if DISTRIBUTIONS.get(top, top) not in known:
                    undeclared[name] = path.relative_to(ROOT).as_posix()
    assert undeclared == {}
