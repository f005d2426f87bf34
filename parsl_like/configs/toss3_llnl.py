"""Clusters of Livermore Computing with TOSS: whole nodes, by Slurm.

``pdebug`` is for tests, ``pbatch`` for everything else. What is charged is called a bank; without one it is your
default. Nodes differ between the clusters, so a manager has a worker for each processor that it finds; the site's own
binding is turned off for it.

Facts: https://hpc.llnl.gov/hardware/compute-platforms/poodle, one of these clusters, and Parsl's documents for
``--mpibind``, checked 2026-11-22.
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


def fresh_config(
    *,
    account: str | None = None,
    partition: str | None = None,
    worker_init: str | None = None,
    walltime: str = "00:30:00",
    nodes_per_block: int = 1,
    max_blocks: int = 1,
    channel: Channel | None = None,
) -> Config:
    """A new configuration; :mod:`parsl_like.configs` says what the arguments are."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="toss3_llnl",
                provider=SlurmProvider(
                    account=choice("account", account, "") or None,
                    partition=choice("partition", partition, "pdebug"),
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    cmd_timeout=120,
                    launcher=SrunLauncher(overrides="--mpibind=off"),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
