"""Cooley at ALCF: whole nodes of 12 cores and 2 GPUs, by Cobalt. Out of service; Polaris is its successor.

``default`` took up to 110 nodes for 12 hours, ``debug`` 16 for 2.

Facts: https://www.alcf.anl.gov/support-center/cooley/job-scheduling-policies-cooley and
https://github.com/argonne-lcf/GettingStarted, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import MpiRunLauncher
from parsl_like.providers import CobaltProvider

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
                label="cooley",
                max_workers_per_node=12,
                provider=CobaltProvider(
                    account=own("account", account),
                    queue=choice("queue", queue, "default"),
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    init_blocks=1,
                    max_blocks=max_blocks,
                    channel=channel,
                    cmd_timeout=60,
                    launcher=MpiRunLauncher(),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
