"""Delta at NCSA: nodes of 128 cores, or of 64 cores and 4 GPUs, by Slurm.

``cpu`` and ``gpuA100x4`` run for up to 48 hours; others are ``gpuA40x4`` and, for half an hour or an hour,
``cpu-interactive`` and ``gpuA100x4-interactive``. Nodes are shared unless a job asks for all of one. Accounts are for
either kind of node.

Facts: https://docs.ncsa.illinois.edu/systems/delta/, its pages on running jobs and on the architecture,
checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import SrunLauncher
from parsl_like.providers import SlurmProvider

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel

CORES = 128
GPUS = 4


def fresh_config(
    *,
    account: str | None = None,
    partition: str | None = None,
    worker_init: str | None = None,
    walltime: str = "01:00:00",
    nodes_per_block: int = 1,
    max_blocks: int = 1,
    channel: Channel | None = None,
    gpus: bool = False,
) -> Config:
    """A new configuration; :mod:`parsl_like.configs` says what the arguments are."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="delta",
                max_workers_per_node=GPUS if gpus else CORES,
                available_accelerators=GPUS if gpus else 0,
                provider=SlurmProvider(
                    account=own("account", account),
                    partition=choice("partition", partition, "gpuA100x4" if gpus else "cpu"),
                    gpus_per_node=GPUS if gpus else None,
                    scheduler_options="#SBATCH --mem=0",  # all the memory of a node
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    launcher=SrunLauncher(),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
