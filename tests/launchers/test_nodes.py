"""Which nodes a job has, by the variables of the batch system that runs it, in a real bash."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.launchers.mpi import names_hosts
from parsl_like.launchers.nodes import REMOVE_NODES, nodes_of_the_job

if TYPE_CHECKING:
    from pathlib import Path

SCONTROL = """#!/bin/sh
[ "$1 $2" = "show hostnames" ] || exit 1
case $3 in "n[1-3]") printf 'n1\\nn2\\nn3\\n' ;; *) echo "bad: $3" >&2; exit 1 ;; esac
"""
SHOW = 'cat "$parsl_like_nodefile"'


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "script.sh"
    script.write_text(f"set -euo pipefail\n{text}\n", encoding="utf-8")
    command = ["bash", str(script)]
    return subprocess.run(command, cwd=folder, timeout=60, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("variable", "lines"),
    [
        ("PBS_NODEFILE", "n1\nn1\nn2\nn2\nn3\nn3\n"),
        ("PBS_NODEFILE", "n1\nn2\nn3\nn1\nn2\nn3\n"),
        ("PE_HOSTFILE", "n1 4 all.q@n1 UNDEFINED\nn2 4 all.q@n2 <NULL>\nn3 4 all.q@n3 UNDEFINED\n"),
        ("LSB_DJOB_HOSTFILE", "n1\nn1\nn2\n\nn3\n"),
    ],
)
def test_files_that_name_nodes(
    variable: str, lines: str, stand_ins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "the node file"
    path.write_text(lines)
    monkeypatch.setenv(variable, str(path))
    result = run(f"{nodes_of_the_job(3)}\n{SHOW}\n{REMOVE_NODES}", tmp_path)
    assert (result.returncode, result.stdout.split()) == (0, ["n1", "n2", "n3"])
    assert run(f"{nodes_of_the_job(2)}\n{SHOW}\n{REMOVE_NODES}", tmp_path).stdout.split() == ["n1", "n2"]
    assert list(stand_ins.temporary.iterdir()) == []


def test_slurm_writes_its_list_out(stand_ins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.add("scontrol", SCONTROL)
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-3]")
    assert run(f"{nodes_of_the_job(3)}\n{SHOW}", tmp_path).stdout.split() == ["n1", "n2", "n3"]


@pytest.mark.usefixtures("stand_ins")
def test_where_nothing_names_them_there_are_none(tmp_path: Path) -> None:
    result = run(f"{nodes_of_the_job(3)}\n{SHOW}", tmp_path)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.usefixtures("stand_ins")
def test_a_list_that_cannot_be_read_ends_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBS_NODEFILE", str(tmp_path / "absent"))
    result = run(f"{nodes_of_the_job(3)}\necho on", tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert "absent" in result.stderr


@pytest.mark.usefixtures("stand_ins")
def test_the_list_is_among_the_blocks_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tmp_path / "files"
    files.mkdir()
    monkeypatch.setenv("PARSL_LIKE_BLOCK_FILES", str(files))
    assert run(nodes_of_the_job(3), tmp_path).returncode == 0
    assert len(list(files.iterdir())) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        *("--host a,b", "-hosts a", "--hosts=a", "-H a:2", "-machinefile f", "--machinefile=f", "-f nodes"),
        *("-x A --hostfile f", "--default-hostfile f", "-hostlist a"),
    ],
)
def test_overrides_that_name_hosts(overrides: str) -> None:
    assert names_hosts(overrides)


@pytest.mark.parametrize(
    "overrides", ["", "--map-by ppr:1:node", "-x HOST", "-ppn 1", "--mca f 1", "-genv f x", "--for-hosts-sake 1"]
)
def test_overrides_that_name_none(overrides: str) -> None:
    assert not names_hosts(overrides)
