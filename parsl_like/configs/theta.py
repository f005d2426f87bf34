"""Theta at ALCF: whole KNL nodes of 64 cores and 192 GiB, by Cobalt and ALPS. Out of service; Polaris is its successor.

``default`` was for ordinary jobs, ``debug-cache-quad`` and ``debug-flat-quad`` for tests on a few nodes.

Facts: https://www.alcf.anl.gov/user-guides/cobalt-job-control-xc40 and
https://docs.alcf.anl.gov/theta/hardware-overview/machine-overview/, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import AprunLauncher
from parsl_like.providers import CobaltProvider

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel


def fresh_config(
    *,
    account: str | None = None,
    queue: str | None = None,
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
                label="theta",
                max_workers_per_node=64,
                provider=CobaltProvider(
                    account=own("account", account),
                    queue=choice("queue", queue, "debug-cache-quad"),
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    init_blocks=1,
                    max_blocks=max_blocks,
                    channel=channel,
                    cmd_timeout=120,
                    launcher=AprunLauncher(overrides="-d 64"),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
