"""Frontier at OLCF: whole nodes of 8 GPUs and 56 usable cores, by Slurm; a worker for each GPU.

A node has 64 cores, of which the first of each group of 8 is for the system, and 4 MI250X cards, of which each counts
as two GPUs. A worker has the cores beside its GPU.

Facts: https://docs.olcf.ornl.gov/systems/frontier_user_guide.html, checked 2026-11-22.
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

GPUS = 8
BESIDE = "list:49-55:57-63:17-23:25-31:1-7:9-15:33-39:41-47"
"""The usable cores beside GPU 0, 1, ..."""


def fresh_config(
    *,
    account: str | None = None,
    partition: str | None = None,
    worker_init: str | None = None,
    walltime: str = "01:00:00",
    nodes_per_block: int = 1,
    max_blocks: int = 1,
    channel: Channel | None = None,
) -> Config:
    """A new configuration; :mod:`parsl_like.configs` says what the arguments are."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="frontier",
                max_workers_per_node=GPUS,
                available_accelerators=GPUS,
                cpu_affinity=BESIDE,
                provider=SlurmProvider(
                    account=own("account", account),
                    partition=choice("partition", partition, "batch"),
                    gpus_per_node=GPUS,
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
