"""``load("auto")``: a configuration from what is found where the program runs.

Inside a batch job the job's own nodes are used, one manager started on each by the job's launcher; elsewhere this
machine. Facts are gathered by :func:`surroundings`; :func:`config_for` is a pure function of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from parsl_like.config import Config
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.launchers.wrapped import WrappedLauncher
from parsl_like.providers.local import LocalProvider

SCHEDULERS = {"sbatch": "Slurm", "qsub": "PBS or Grid Engine", "bsub": "LSF", "condor_submit": "HTCondor"}
"""Submit commands, and the batch systems they belong to."""

ACCELERATOR_VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was found.

    Attributes:
        cores: Processors this process may use.
        accelerators: Names of the accelerators it may use.
        job: The batch job it runs in, like "slurm 1234", or "".
        nodes: Nodes of that job.
        launcher: The command that starts one process on each of them, or "".
        schedulers: Batch systems whose commands are on PATH.
    """

    cores: int
    accelerators: tuple[str, ...] = ()
    job: str = ""
    nodes: int = 1
    launcher: str = ""
    schedulers: tuple[str, ...] = ()


def surroundings(environment: Mapping[str, str] | None = None) -> Surroundings:
    """Look around: processors, accelerators, a surrounding job, batch systems on PATH.

    Sources: ``SLURM_*`` of sbatch(1), ``PBS_*`` of qsub(1B).
    """
    env = os.environ if environment is None else environment
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    job, nodes, launcher = "", 1, ""
    if env.get("SLURM_JOB_ID"):
        job = f"slurm {env['SLURM_JOB_ID']}"
        nodes = int(env.get("SLURM_JOB_NUM_NODES") or env.get("SLURM_NNODES") or 1)
        launcher = f"srun --nodes={nodes} --ntasks={nodes} --ntasks-per-node=1 --cpu-bind=none"
    elif env.get("PBS_JOBID"):
        job, nodes = f"pbs {env['PBS_JOBID']}", _pbs_nodes(env.get("PBS_NODEFILE"))
        launcher = f"mpiexec -n {nodes} --ppn 1"
    found = tuple(dict.fromkeys(name for command, name in SCHEDULERS.items() if shutil.which(command)))
    return Surroundings(cores, _accelerators(env), job, nodes, launcher if nodes > 1 else "", found)


def config_for(found: Surroundings) -> Config:
    """One block on what was found: a worker per accelerator where there are any, else per processor."""
    provider = LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1, nodes_per_block=found.nodes)
    if found.launcher:
        provider.launcher = WrappedLauncher(prepend=found.launcher)
    workers = len(found.accelerators) or found.cores
    executor = HighThroughputExecutor(
        label="auto",
        provider=provider,
        max_workers_per_node=workers,
        available_accelerators=list(found.accelerators),
    )
    return Config(executors=[executor])


def found_config() -> Config:
    """The configuration of ``load("auto")``."""
    return config_for(surroundings())


def _accelerators(env: Mapping[str, str]) -> tuple[str, ...]:
    for variable in ACCELERATOR_VARIABLES:
        named = tuple(name for name in env.get(variable, "").split(",") if name.strip())
        if named:
            return named
    try:
        devices = os.listdir("/proc/driver/nvidia/gpus")
    except OSError:
        return ()
    return tuple(str(number) for number in range(len(devices)))


def _pbs_nodes(path: str | None) -> int:
    try:
        with open(path or "", encoding="utf-8") as file:
            return max(1, len({line.strip() for line in file if line.strip()}))
    except OSError:
        return 1
