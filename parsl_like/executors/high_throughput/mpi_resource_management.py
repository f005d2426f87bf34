"""The nodes of the batch job in which this process runs, by what its batch system says in files and variables."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

from parsl_like.errors import ExecutorError

SECONDS = 30
"""How long Slurm's command may take to spell out a list of nodes."""


class Scheduler(Enum):
    """The batch systems that are recognised."""

    Unknown = 0
    Slurm = 1
    PBS = 2


def identify_scheduler() -> Scheduler:
    """The batch system whose job this process belongs to."""
    if os.environ.get("SLURM_JOB_NODELIST") or os.environ.get("SLURM_NODELIST"):
        return Scheduler.Slurm
    if os.environ.get("PBS_NODEFILE"):
        return Scheduler.PBS
    return Scheduler.Unknown


def get_nodes_in_batchjob(scheduler: Scheduler) -> list[str]:
    """The names of the job's nodes, each once, in the batch system's order.

    Args:
        scheduler: The batch system; see :func:`identify_scheduler`.

    Raises:
        ExecutorError: it is none that is known, or does not tell.
    """
    match scheduler:
        case Scheduler.Slurm:
            return get_slurm_hosts_list()
        case Scheduler.PBS:
            return get_pbs_hosts_list()
        case _:
            raise _untold("no batch system was recognised", "run this within a job of Slurm or PBS.")


def get_slurm_hosts_list() -> list[str]:
    """The nodes of a job of Slurm, which spells out its ``SLURM_JOB_NODELIST``.

    Raises:
        ExecutorError: there is no such list, or scontrol does not understand it.
    """
    import subprocess

    nodes = os.environ.get("SLURM_JOB_NODELIST") or os.environ.get("SLURM_NODELIST")
    if not nodes:
        raise _untold("SLURM_JOB_NODELIST is not set", "run this within a job of Slurm.")
    command = ["scontrol", "show", "hostnames", nodes]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or "").strip()
        raise _untold(f"{' '.join(command)} failed: {said or error}", "look whether scontrol works there.") from error
    return done.stdout.split()


def get_pbs_hosts_list(nodefile_name: str = "PBS_NODEFILE") -> list[str]:
    """The nodes of a job of PBS.

    Args:
        nodefile_name: The variable that names the file with the nodes.

    Raises:
        ExecutorError: it is not set, or the file cannot be read.
    """
    path = os.environ.get(nodefile_name)
    if not path:
        raise _untold(f"{nodefile_name} is not set", "run this within a job of PBS.")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise _untold(f"{nodefile_name} names {path}, which cannot be read: {error}", "look at that file.") from error
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def _untold(reason: str, hint: str) -> ExecutorError:
    return ExecutorError("MPIExecutor", f"the nodes of its block are not known: {reason}.", hint=hint)
