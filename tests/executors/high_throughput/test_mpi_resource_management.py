from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput.mpi_resource_management import (
    Scheduler,
    get_nodes_in_batchjob,
    get_pbs_hosts_list,
    get_slurm_hosts_list,
    identify_scheduler,
)

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = ("SLURM_JOB_NODELIST", "SLURM_NODELIST", "PBS_NODEFILE")


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variable", "scheduler"),
    [
        ("SLURM_JOB_NODELIST", Scheduler.Slurm),
        ("SLURM_NODELIST", Scheduler.Slurm),
        ("PBS_NODEFILE", Scheduler.PBS),
    ],
)
def test_the_batch_system_is_known_by_its_variable(
    variable: str, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert identify_scheduler() is Scheduler.Unknown
    monkeypatch.setenv(variable, "something")
    assert identify_scheduler() is scheduler


def test_files_of_nodes_name_each_node_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = tmp_path / "nodes"
    nodes.write_text("n2\nn2\n\nn1 \nn2\n", encoding="utf-8")
    monkeypatch.setenv("PBS_NODEFILE", str(nodes))
    assert get_pbs_hosts_list() == get_nodes_in_batchjob(Scheduler.PBS) == ["n2", "n1"]


def scontrol(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = folder / "scontrol"
    command.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-2]")


def test_slurm_spells_out_its_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scontrol(tmp_path, 'test "$*" = "show hostnames n[1-2]" && printf "n1\\nn2\\n"', monkeypatch)
    assert get_slurm_hosts_list() == get_nodes_in_batchjob(Scheduler.Slurm) == ["n1", "n2"]


def test_what_slurm_complains_of_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scontrol(tmp_path, "echo Invalid hostlist >&2; exit 1", monkeypatch)
    with pytest.raises(ExecutorError, match=r"scontrol show hostnames n\[1-2\] failed: Invalid hostlist"):
        get_slurm_hosts_list()


def test_outside_a_job_there_are_no_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheduler, reason in (
        (Scheduler.Unknown, "no batch system"),
        (Scheduler.Slurm, "SLURM_JOB_NODELIST is not set"),
        (Scheduler.PBS, "PBS_NODEFILE is not set"),
    ):
        with pytest.raises(ExecutorError, match=reason):
            get_nodes_in_batchjob(scheduler)
    monkeypatch.setenv("PBS_NODEFILE", str(tmp_path / "none"))
    with pytest.raises(ExecutorError, match="cannot be read"):
        get_pbs_hosts_list()
