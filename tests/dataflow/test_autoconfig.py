"""What ``load("auto")`` makes of what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.dataflow.autoconfig import Surroundings, config_for, surroundings
from parsl_like.launchers.wrapped import WrappedLauncher

if TYPE_CHECKING:
    import pathlib


def test_a_worker_per_processor() -> None:
    (executor,) = config_for(Surroundings(cores=6)).executors or ()
    assert executor.max_workers_per_node == 6
    assert executor.provider.nodes_per_block == 1


def test_a_worker_per_accelerator() -> None:
    (executor,) = config_for(Surroundings(cores=6, accelerators=("0", "1"))).executors or ()
    assert executor.max_workers_per_node == 2
    assert list(executor.available_accelerators) == ["0", "1"]


def test_all_nodes_of_a_surrounding_slurm_job() -> None:
    found = surroundings({"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "3", "CUDA_VISIBLE_DEVICES": "0,1"})
    assert found.job == "slurm 7"
    assert found.nodes == 3
    assert found.accelerators == ("0", "1")
    (executor,) = config_for(found).executors or ()
    assert executor.provider.nodes_per_block == 3
    assert isinstance(executor.provider.launcher, WrappedLauncher)
    assert "srun --nodes=3 --ntasks=3" in executor.provider.launcher.prepend


def test_nodes_of_a_surrounding_pbs_job(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "nodes"
    file.write_text("n1\nn1\nn2\n")
    found = surroundings({"PBS_JOBID": "5.host", "PBS_NODEFILE": str(file)})
    assert (found.job, found.nodes, found.launcher) == ("pbs 5.host", 2, "mpiexec -n 2 --ppn 1")
    lost = surroundings({"PBS_JOBID": "5.host", "PBS_NODEFILE": str(tmp_path / "absent")})
    assert (lost.nodes, lost.launcher) == (1, "")


def test_schedulers_on_the_path(tmp_path: pathlib.Path) -> None:
    import os

    command = tmp_path / "sbatch"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    os.environ["PATH"] = str(tmp_path)
    assert surroundings({}).schedulers == ("Slurm",)
