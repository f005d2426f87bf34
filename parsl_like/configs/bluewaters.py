"""Blue Waters at NCSA: XE nodes of 32 integer cores, by Torque and ALPS. Out of service since 2021; Delta followed.

``normal`` was for ordinary jobs, ``debug`` for one at a time. Python came with the module ``bwpy``, and ran on nodes
within ``bwpy-environ``.

Facts: https://bluewaters.ncsa.illinois.edu/queues-and-scheduling-policies, checked 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import choice, made_when_asked
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import AprunLauncher
from parsl_like.providers import TorqueProvider

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
                label="bluewaters",
                max_workers_per_node=32,
                provider=TorqueProvider(
                    account=choice("account", account, "") or None,
                    queue=choice("queue", queue, "normal"),
                    cores_per_node=32,
                    worker_init=choice("worker_init", worker_init, "module load bwpy"),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    launcher=AprunLauncher(overrides="-b -- bwpy-environ --"),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
