"""Polaris at ALCF: whole nodes of 32 cores and 4 GPUs, by PBS Pro; a worker for each GPU.

``debug`` takes one or two nodes for an hour, ``debug-scaling`` ten, ``prod`` from 10 to 496 for up to 24 hours,
``capacity`` up to 4 for a week. Every job names a project and the file systems that it needs: if those are not ``home``
and ``eagle``, change ``scheduler_options``. The last cores are nearest to the first GPU.

Facts: https://docs.alcf.anl.gov/polaris/running-jobs/, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import MpiExecLauncher
from parsl_like.providers import PBSProProvider

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel

GPUS = 4
THREADS = 64
"""Of a node; PBS counts two for each core."""


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
                label="polaris",
                max_workers_per_node=GPUS,
                available_accelerators=GPUS,
                cpu_affinity="block-reverse",
                provider=PBSProProvider(
                    account=own("account", account),
                    queue=choice("queue", queue, "debug"),
                    scheduler_options="#PBS -l filesystems=home:eagle",
                    select_options=f"ngpus={GPUS}:system=polaris",
                    cpus_per_node=THREADS,
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--ppn 1"),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
