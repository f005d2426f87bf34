"""Frontera at TACC: whole nodes of 56 cores and 192 GB, by Slurm.

``small`` is for blocks of one or two nodes, ``normal`` for 3 to 512, both for up to 48 hours; ``development`` is for
tests of up to 2 hours. An account is needed only if you have several.

Facts: https://docs.tacc.utexas.edu/hpc/frontera/, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import SrunLauncher
from parsl_like.providers import SlurmProvider

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel

MOST_OF_SMALL = 2
"""Nodes of a job in the partition ``small``."""


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
    usual = "small" if nodes_per_block <= MOST_OF_SMALL else "normal"
    return Config(
        executors=[
            HighThroughputExecutor(
                label="frontera",
                max_workers_per_node=56,
                provider=SlurmProvider(
                    account=choice("account", account, "") or None,
                    partition=choice("partition", partition, usual),
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    cmd_timeout=60,
                    launcher=SrunLauncher(),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
