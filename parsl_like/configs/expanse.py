"""Expanse at SDSC: whole nodes of 128 cores and 256 GB, by Slurm.

``compute`` takes up to 32 nodes for 48 hours, ``debug`` 2 for half an hour; ``shared`` is for parts of one node. Every
job names a project and its memory; ``expanse-client`` lists your projects.

Facts: https://www.sdsc.edu/systems/expanse/user_guide.html, checked 2026-11-22.
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
                label="expanse",
                max_workers_per_node=128,
                provider=SlurmProvider(
                    account=own("account", account),
                    partition=choice("partition", partition, "compute"),
                    scheduler_options="#SBATCH --mem=0",  # all the memory of a node
                    worker_init=choice("worker_init", worker_init, "module load cpu"),
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
