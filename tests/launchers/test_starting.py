"""The limit on how long a starter may take until all copies have begun, in a real bash."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.errors import ConfigurationError
from parsl_like.launchers import (
    AprunLauncher,
    GnuParallelLauncher,
    JsrunLauncher,
    MpiExecLauncher,
    MpiRunLauncher,
    SrunLauncher,
    SrunMPILauncher,
)
from parsl_like.launchers.starting import LIMIT_CODE, QUICK_LOOKS, QUICK_S, SLOW_S, Start, looks_within

if TYPE_CHECKING:
    from pathlib import Path

ALL = [
    SrunLauncher,
    SrunMPILauncher,
    AprunLauncher,
    JsrunLauncher,
    MpiExecLauncher,
    MpiRunLauncher,
    GnuParallelLauncher,
]

# A copy that has begun stays: it is to be ended with the starter, not by itself.
STAY = 'echo "$STAND_IN_NODE" >> begun; exec sleep infinity'


def run(text: str, folder: Path, *, first: str = "") -> subprocess.CompletedProcess[str]:
    script = folder / "script.sh"
    script.write_text(f"{first}\n{text}\n", encoding="utf-8")
    command = ["bash", str(script)]
    return subprocess.run(command, cwd=folder, timeout=60, check=False, capture_output=True, text=True)


@pytest.fixture
def block_files(stand_ins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a block's own files, in a PBS job of two nodes."""
    del stand_ins
    files = tmp_path / "block's files"
    files.mkdir()
    nodes = tmp_path / "nodes"
    nodes.write_text("node0\nnode1\n")
    monkeypatch.setenv("PBS_NODEFILE", str(nodes))
    monkeypatch.setenv("PARSL_LIKE_BLOCK_FILES", str(files))
    return files


@pytest.mark.parametrize("kind", ALL)
def test_a_starter_that_hangs_is_ended_and_the_block_says_why(
    kind: Any, block_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_CUT", "node1")
    result = run(kind(start_timeout=2).wrap(STAY, 2, 2), tmp_path, first="set -euo pipefail")
    assert result.returncode == LIMIT_CODE
    assert "had started 2 of 4 copies after 2 s; it is ended" in result.stderr
    assert f"copies have begun on: {os.uname().nodename} (2)." in result.stderr
    assert str(block_files) in result.stderr
    assert (tmp_path / "begun").read_text().split() == ["node0", "node0"]


@pytest.mark.usefixtures("block_files")
@pytest.mark.parametrize("kind", [MpiExecLauncher, MpiRunLauncher, GnuParallelLauncher])
def test_it_says_what_the_nodes_are(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_CUT", "node1")
    assert "the nodes are: node0 node1." in run(kind(start_timeout=1).wrap(STAY, 2, 2), tmp_path).stderr


@pytest.mark.usefixtures("block_files")
def test_a_starter_that_starts_nothing_is_ended(tmp_path: Path, stand_ins: Any) -> None:
    stand_ins.add("mpiexec", "#!/bin/sh\n[ $1 != --version ] || exit\nexec sleep infinity\n")
    result = run(MpiExecLauncher(start_timeout=0.2).wrap("true", 1, 2), tmp_path)
    assert result.returncode == LIMIT_CODE
    assert "had started 0 of 2 copies after 0.2 s" in result.stderr
    assert "copies have begun on: no node." in result.stderr


@pytest.mark.usefixtures("block_files")
def test_a_starter_that_does_not_end_when_told_is_killed(tmp_path: Path, stand_ins: Any) -> None:
    stand_ins.add("mpiexec", "#!/bin/bash\n[ $1 != --version ] || exit\ntrap '' TERM\nexec sleep infinity\n")
    assert run(MpiExecLauncher(start_timeout=0.1).wrap("true", 1, 2), tmp_path).returncode == LIMIT_CODE


@pytest.mark.usefixtures("block_files")
@pytest.mark.parametrize("kind", [MpiExecLauncher, SrunMPILauncher])
def test_copies_that_begin_in_time_take_as_long_as_they_like(kind: Any, tmp_path: Path) -> None:
    result = run(kind(start_timeout=3).wrap("sleep 3.5; exit 7", 1, 2), tmp_path)
    assert (result.returncode, result.stderr) == (7, "")


@pytest.mark.usefixtures("block_files")
@pytest.mark.parametrize("kind", ALL)
def test_a_starter_that_ends_early_has_its_own_exit_code(kind: Any, tmp_path: Path, stand_ins: Any) -> None:
    for name in ("srun", "aprun", "jsrun", "mpiexec", "mpirun", "parallel"):
        stand_ins.add(name, '#!/bin/sh\n[ "$1" != --help ] || exit 0\necho "no such host" >&2\nexit 9\n')
    result = run(kind().wrap("true", 1, 2), tmp_path)
    assert result.returncode == 9
    assert set(result.stderr.splitlines()) == {"no such host"}


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("kind", ALL)
def test_without_a_folder_that_all_nodes_see_there_is_no_limit(kind: Any, tmp_path: Path) -> None:
    result = run(kind(start_timeout=0.1).wrap("sleep 0.5; exit 3", 1, 2), tmp_path)
    assert (result.returncode, result.stderr) == (3, "")


@pytest.mark.parametrize("kind", ALL)
def test_the_limit_can_be_turned_off(kind: Any, block_files: Path, tmp_path: Path) -> None:
    text = kind(start_timeout=None).wrap("exit 3", 1, 2)
    assert "parsl_like_started" not in text
    assert run(text, tmp_path).returncode == 3
    assert list(block_files.iterdir()) == []


def test_a_copy_that_cannot_tell_that_it_begins_says_so_and_begins(tmp_path: Path) -> None:
    start = Start("mpiexec", 1, 1, timeout=5, debug=False)
    result = run(start.copy_of("echo ran; exit 3"), tmp_path, first="parsl_like_started=/nowhere")
    assert (result.returncode, result.stdout) == (3, "ran\n")
    assert "cannot write to /nowhere, so its start is not seen" in result.stderr


def test_no_shell_waits_for_the_command(tmp_path: Path) -> None:
    start = Start("mpiexec", 1, 1, timeout=5, debug=False)
    result = run(f"exec {start.copy_of('echo $PPID')}", tmp_path, first="parsl_like_started=")
    assert result.stdout.strip() == str(os.getpid())


@given(st.floats(min_value=1e-3, max_value=1e6))
def test_there_are_looks_for_as_long_as_the_limit_lasts(seconds: float) -> None:
    looks = looks_within(seconds)
    quick = min(looks, QUICK_LOOKS)
    lasts = quick * QUICK_S + (looks - quick) * SLOW_S
    assert seconds - 1e-6 * seconds <= lasts <= seconds + SLOW_S


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_limit_is_a_number_above_zero(kind: Any, value: float) -> None:
    said = rf"{kind.__name__}\.start_timeout is .*; expected a number above 0 or None"
    with pytest.raises(ConfigurationError, match=said):
        kind(start_timeout=value).sealed()


@pytest.mark.parametrize("kind", ALL)
def test_it_is_given_by_name(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind(True, "", "", 5)
