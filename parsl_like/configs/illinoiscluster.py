"""The Illinois Campus Cluster: whole nodes of groups that do not need them, by Slurm.

``secondary`` is for everybody, for up to 4 hours; its nodes differ, so a manager has a worker for each processor that
it finds. A group's own partition has the group's name. An account is needed only if you have several.

Facts: https://docs.ncsa.illinois.edu/systems/icc/ is the guide; partition and time limit are as in job scripts that
its users have published, checked 2026-11-22.
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
    walltime: str = "01:30:00",
    nodes_per_block: int = 1,
    max_blocks: int = 1,
    channel: Channel | None = None,
) -> Config:
    """A new configuration; :mod:`parsl_like.configs` says what the arguments are."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="illinoiscluster",
                provider=SlurmProvider(
                    account=choice("account", account, "") or None,
                    partition=choice("partition", partition, "secondary"),
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    launcher=SrunLauncher(),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
