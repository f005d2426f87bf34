"""No module inside the package imports the package itself: such an import ties every module to all others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "parsl_like"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def is_submodule(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def root_imports(source: str, depth: int) -> list[str]:
    """The lines of a module, ``depth`` packages below the root, that import the root or a plain name from it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            bad = any(alias.name == "parsl_like" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            absolute = node.level == 0 and node.module == "parsl_like"
            relative = node.level == depth + 1 and node.module is None
            bad = (absolute or relative) and not all(is_submodule(alias.name) for alias in node.names)
        else:
            bad = False
        if bad:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_does_not_import_the_root_package(path: Path) -> None:
    depth = len(path.relative_to(PACKAGE).parts) - 1
    assert root_imports(path.read_text(encoding="utf-8"), depth) == []


@pytest.mark.parametrize(
    ("source", "depth"),
    [
        ("import parsl_like", 0),
        ("import os, parsl_like as p", 3),
        ("from parsl_like import python_app", 1),
        ("from parsl_like import errors, python_app", 1),
        ("from . import python_app", 0),
        ("from .. import python_app", 1),
        ("def f():\n    from parsl_like import *", 2),
    ],
)
def test_such_an_import_is_seen(source: str, depth: int) -> None:
    assert len(root_imports(source, depth)) == 1


@pytest.mark.parametrize(
    ("source", "depth"),
    [
        ("from parsl_like.errors import ParslError", 0),
        ("from parsl_like import errors", 0),
        ("import parsl_like.errors as errors", 2),
        ("from . import anything", 1),
        ("from ..errors import ParslError", 1),
    ],
)
def test_other_imports_are_not(source: str, depth: int) -> None:
    assert root_imports(source, depth) == []
