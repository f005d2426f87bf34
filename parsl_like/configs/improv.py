"""Improv at Argonne's LCRC: whole nodes of 128 cores and 256 GB, by PBS Pro.

``compute`` runs for up to 72 hours, ``debug`` for one; ``bigmem`` has nodes of 1 TB. Up to 15 jobs of yours run at
once. Every job names a project; ``sbank-list-allocations`` lists yours.

Facts: https://docs.lcrc.anl.gov/improv/running-jobs-improv/, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import MpiRunLauncher
from parsl_like.providers import PBSProProvider

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel


def fresh_config(
    *,
    account: str | None = None,
    queue: str | None = None,
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
                label="improv",
                max_workers_per_node=128,
                provider=PBSProProvider(
                    account=own("account", account),
                    queue=choice("queue", queue, "compute"),
                    cpus_per_node=128,
                    # The launcher's mpirun is Open MPI's.
                    worker_init=choice("worker_init", worker_init, "module load gcc openmpi"),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    launcher=MpiRunLauncher(overrides="--bind-to none"),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
