"""Midway3 of the University of Chicago: whole nodes of 48 cores and 192 GB, by Slurm.

``caslake`` takes up to 100 nodes for 36 hours; ``amd`` has nodes of 128 cores. On Midway2 the partition is ``broadwl``,
with 28 cores: assign ``config.executors[0].max_workers_per_node = 28``. Accounts are called after the leader of a
group, ``pi-`` and a name.

Facts: https://docs.rcc.uchicago.edu/midway23/midway_partitions/, checked 2026-11-22.
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
                label="midway",
                max_workers_per_node=48,
                provider=SlurmProvider(
                    account=own("account", account),
                    partition=choice("partition", partition, "caslake"),
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
