"""Aurora at ALCF: whole nodes of 102 usable cores and 6 GPUs of two tiles, by PBS Pro; a worker for each tile.

``debug`` takes one or two nodes for an hour, ``debug-scaling`` up to 31, ``prod`` any number for up to 24 hours.
Every job names a project and the file systems that it needs: if those are not ``home`` and ``flare``, change
``scheduler_options``. The first core of each socket is the system's; a worker has 8 cores of its tile's socket, and
their second threads.

Facts: https://docs.alcf.anl.gov/aurora/running-jobs-aurora/, checked 2026-11-22.
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

TILES = tuple(f"{gpu}.{tile}" for gpu in range(6) for tile in range(2))
THREADS = 208
"""Of a node; those that are numbered 104 more than a core are its second one."""

FIRST_CORES = (1, 9, 17, 25, 33, 41, 53, 61, 69, 77, 85, 93)
"""Of the workers, by their tiles."""

BESIDE = "list:" + ":".join(f"{first}-{first + 7},{first + 104}-{first + 111}" for first in FIRST_CORES)


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
                label="aurora",
                max_workers_per_node=len(TILES),
                available_accelerators=TILES,
                cpu_affinity=BESIDE,
                provider=PBSProProvider(
                    account=own("account", account),
                    queue=choice("queue", queue, "debug"),
                    scheduler_options="#PBS -l filesystems=home:flare",
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
