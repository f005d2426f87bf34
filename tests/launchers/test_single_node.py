"""Copies side by side on one node, in a real bash."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from parsl_like.launchers import SingleNodeLauncher

if TYPE_CHECKING:
    from pathlib import Path

# Each copy takes a number of its own; the first ones to come fail.
SOME_FAIL = 'n=0; until mkdir "copy$n" 2>/dev/null; do n=$((n + 1)); done; test "$n" -ge {failing} || exit {code}'


def run(text: str, folder: Path, *, first: str = "") -> subprocess.CompletedProcess[str]:
    script = folder / "script.sh"
    script.write_text(f"{first}\n{text}\n", encoding="utf-8")
    command = ["bash", str(script)]
    return subprocess.run(command, cwd=folder, timeout=60, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("fail_on_any", "failing", "exit_code"),
    [(False, 0, 0), (False, 1, 0), (False, 3, 0), (False, 4, 9), (True, 0, 0), (True, 1, 9), (True, 4, 9)],
)
def test_which_failures_fail_the_block(fail_on_any: bool, failing: int, exit_code: int, tmp_path: Path) -> None:
    text = SingleNodeLauncher(fail_on_any=fail_on_any).wrap(SOME_FAIL.format(failing=failing, code=9), 4, 1)
    result = run(text, tmp_path)
    assert result.returncode == exit_code
    assert sorted(path.name for path in tmp_path.glob("copy*")) == [f"copy{n}" for n in range(4)]
    assert f"{failing} of 4 copies failed" in result.stdout
    assert result.stderr == ""


def test_it_says_nothing_without_debug(tmp_path: Path) -> None:
    result = run(SingleNodeLauncher(debug=False).wrap("true", 2, 1), tmp_path)
    assert (result.stdout, result.stderr) == ("", "")


def test_it_works_in_a_strict_shell(tmp_path: Path) -> None:
    """``worker_init`` may have set any of these."""
    text = SingleNodeLauncher(fail_on_any=True).wrap("exit 3", 2, 1)
    assert run(text, tmp_path, first="set -euo pipefail").returncode == 3
    assert run(text.replace("exit 3", "true"), tmp_path, first="set -euo pipefail").returncode == 0


def test_copies_see_what_worker_init_set_without_exporting_it(tmp_path: Path) -> None:
    text = SingleNodeLauncher(fail_on_any=True).wrap('greet "$name"', 2, 1)
    result = run(text, tmp_path, first='name=you; greet() { echo "hello $1"; }')
    assert result.returncode == 0
    assert result.stdout.count("hello you") == 2


def test_a_killed_copy_counts_as_failed(tmp_path: Path) -> None:
    text = SingleNodeLauncher(fail_on_any=True).wrap("kill -KILL $BASHPID", 2, 1)
    assert run(text, tmp_path).returncode == 137


def test_one_copy_needs_no_shell_of_its_own() -> None:
    assert SingleNodeLauncher().wrap("anything 'at all'", 1, 1) == "anything 'at all'"
