# ruff: noqa: N999 - the name is the one that programs for Parsl import
"""ASPIRE 1 at NSCC Singapore: whole nodes of 24 cores, by PBS Pro. Out of service; ASPIRE 2A is its successor.

``normal`` was the queue for ordinary jobs. A project is named by ``#PBS -P``, which is why it stands in
``scheduler_options``; on ASPIRE 2A, too.

Facts: https://www.slideshare.net/slideshow/nscc-training-introductory-class/58487736, the center's introduction, and
Parsl's documents for the number of cores, checked 2026-11-22.
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
                label="ASPIRE1",
                max_workers_per_node=24,
                provider=PBSProProvider(
                    queue=choice("queue", queue, "normal"),
                    scheduler_options=f"#PBS -P {own('account', account)}",
                    cpus_per_node=24,
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    launcher=MpiRunLauncher(),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
