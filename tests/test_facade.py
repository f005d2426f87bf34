"""The package itself: names appear when they are asked for, and only then."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import parsl_like
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

HOMES: dict[str, str] = parsl_like._HOMES


@pytest.mark.parametrize("name", HOMES)
def test_a_name_is_the_one_of_its_home(name: str) -> None:
    assert getattr(parsl_like, name) is getattr(importlib.import_module(HOMES[name]), name)


def test_every_name_of_the_list_but_two_has_a_home() -> None:
    assert set(parsl_like.__all__) - HOMES.keys() == {"AUTO_LOGNAME", "__version__"}
    assert HOMES.keys() <= set(parsl_like.__all__)


def test_constants() -> None:
    assert parsl_like.AUTO_LOGNAME == -1
    assert parsl_like.__version__ == VERSION


def test_a_submodule_is_an_attribute_without_being_imported_first() -> None:
    code = "import parsl_like; print(parsl_like.errors.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "parsl_like.errors"


@pytest.mark.parametrize("name", ["no_such_name", "_private", "__wrapped__"])
def test_an_unknown_name_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'parsl_like' has no attribute '{name}'"):
        getattr(parsl_like, name)


def test_a_submodule_that_fails_to_import_says_why(tmp_path: Path) -> None:
    (tmp_path / "needs_more.py").write_text("import a_module_that_is_not_there", encoding="utf-8")
    code = f"import parsl_like; parsl_like.__path__.append({str(tmp_path)!r}); parsl_like.needs_more"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'a_module_that_is_not_there'" in done.stderr


def test_dir_lists_what_was_never_used() -> None:
    assert {"python_app", "Config", "load", "WorkQueueExecutor", "__version__"} <= set(dir(parsl_like))
