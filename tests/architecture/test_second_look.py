"""Tests that failed in CI are run once more, if they are few, and named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "second-look"

UNSTEADY = """
import os, pytest

@pytest.mark.parametrize("name", {names})
def test_unsteady(name):
    if not os.path.exists(name.encode().hex()):
        open(name.encode().hex(), "w").close()
        assert False

def test_steady():
    pass
"""


DIFFERENT = """
import os, pytest

@pytest.mark.parametrize("name", [os.getpid()])
def test_of_one_process(name):
    pass
"""


def look(tmp_path: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_some.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = ["sh", str(SCRIPT), sys.executable, "-m", "pytest", "-c", "pytest.ini", "-q", "--basetemp=temp", *options]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)


def test_where_nothing_fails_nothing_is_run_again(tmp_path: Path) -> None:
    done = look(tmp_path, "def test_steady(): pass")
    assert done.returncode == 0
    assert "second-look" not in done.stdout


def test_those_that_pass_the_second_time_are_named(tmp_path: Path) -> None:
    done = look(tmp_path, UNSTEADY.format(names=["a b", "c[d]", "e'f"]))
    assert done.returncode == 0
    assert "3 failed, and run once more" in done.stdout
    assert "3 passed" in done.stdout
    assert done.stdout.count("UNSTEADY, failed at first: test_some.py::test_unsteady[") == 3


def test_many_failures_are_no_accident(tmp_path: Path) -> None:
    done = look(tmp_path, UNSTEADY.format(names=["a", "b", "c", "d"]))
    assert done.returncode == 1
    assert "second-look" not in done.stdout


@pytest.mark.parametrize(("text", "code"), [("def test_bad(): assert 0", 1), ("import nothing_of_that_name", 2)])
def test_what_fails_again_fails(tmp_path: Path, text: str, code: int) -> None:
    assert look(tmp_path, text).returncode == code


def test_what_was_never_run_is_not_run_again(tmp_path: Path) -> None:
    done = look(tmp_path, DIFFERENT, "-n", "2")
    assert "Different tests were collected" in done.stdout
    assert done.returncode == 1
    assert "second-look" not in done.stdout
