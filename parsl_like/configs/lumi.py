"""LUMI at CSC: whole nodes of 128 cores and 224 GB, or of 8 GPUs and 63 cores, by Slurm.

``standard`` and ``standard-g`` run for up to 2 days; ``debug`` (30 minutes) and ``dev-g`` (3 hours) are for tests,
and ``small`` and ``small-g`` for parts of a node. The account is ``project_`` and a number. With GPUs a worker has
the cores beside its own.

Facts: https://docs.lumi-supercomputer.eu/runjobs/scheduled-jobs/partitions/, lumic-job and lumig-job beside it,
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
GPUS = 8
BESIDE = "list:49-55:57-63:17-23:25-31:1-7:9-15:33-39:41-47"
"""The cores beside GPU 0, 1, ... without the first of each group, as the guide's masks have it."""


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
                label="lumi",
                max_workers_per_node=GPUS if gpus else CORES,
                available_accelerators=GPUS if gpus else 0,
                cpu_affinity=BESIDE if gpus else "none",
                provider=SlurmProvider(
                    account=own("account", account),
                    partition=choice("partition", partition, "standard-g" if gpus else "standard"),
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
