"""Summit at OLCF: whole nodes of 42 usable cores and 6 GPUs, by LSF and jsrun. Out of service since 2024; see Frontier.

A job's script ran on a launch node, which is why a block needs jsrun even for one node; a manager has all of its node.

Facts: https://docs.olcf.ornl.gov/systems/summit_user_guide.html, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked, own
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import JsrunLauncher
from parsl_like.providers import LSFProvider

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
                label="summit",
                max_workers_per_node=42,
                provider=LSFProvider(
                    project=own("account", account),
                    queue=choice("queue", queue, "batch"),
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    cmd_timeout=60,
                    launcher=JsrunLauncher(overrides="-c ALL_CPUS -g ALL_GPUS -b none"),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
