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
        *("core", "ssh", "aws", "kubernetes", "globus", "google", "azure", "dashboard", "joblib", "yaml", "fsspec"),
        *("docs", "test"),
    }


def imported(folder: str) -> dict[str, str]:
    """The modules that the files of a folder import, and one file that does."""
    found = {}
    for path in (ROOT / folder).rglob("*.py"):
        if "programs" in path.relative_to(ROOT).parts:  # written for Parsl: tests replace its name before they run
            continue
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            # A module that a test itself writes to import it.
            if "import-not-found" in lines[getattr(node, "lineno", 1) - 1]:
                continue
            if isinstance(node, ast.Import):
                found |= {alias.name: path.relative_to(ROOT).as_posix() for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found[node.module] = path.relative_to(ROOT).as_posix()
    return found


def undeclared(folder: str, known: set[str]) -> dict[str, str]:
    """What a folder imports and neither the standard library, the checkout nor ``known`` provides."""
    files = {path.stem for path in (ROOT / folder).rglob("*.py")} | {"parsl_like", "examples", "tests", "benchmarks"}
    ours = set(sys.stdlib_module_names) | files
    return {
        name: path
        for name, path in imported(folder).items()
        if (top := name.partition(".")[0]) not in ours and DISTRIBUTIONS.get(top, top) not in known
    }


def test_every_import_of_the_package_is_declared() -> None:
    lines = declared()
    known = {project(line) for group in lines.keys() - {"docs", "test"} for line in lines[group]}
    prefixes = {name.split("-")[0] for name in known if name.startswith(("azure-", "google-"))}
    # Programs with a Python interface of their own come with the program, not from an index.
    brought_by_the_site = {"flux", "ndcctools", "work_queue", "radical"}
    # Who runs the contracts of parsl_like.testing runs them with pytest.
    assert undeclared("parsl_like", known | prefixes | brought_by_the_site | {"pytest"}) == {}


def test_every_import_of_the_tests_is_declared() -> None:
    lines = declared()
    assert undeclared("tests", {project(line) for group in ("core", "test") for line in lines[group]}) == {}


def test_an_undeclared_import_is_seen() -> None:
    assert "pytest" in undeclared("tests", set())
