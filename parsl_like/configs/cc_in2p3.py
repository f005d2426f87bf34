"""The computing center of IN2P3 in Lyon: 8 cores on a node that others use too, by Slurm.

``htc`` is for jobs within one node, ``hpc`` for several, ``flash`` for tests of an hour. Without an account your main
group is charged. Storage and licences that tasks use are told by ``#SBATCH -L sps`` or the like: add it to
``scheduler_options``. Formerly the center had Grid Engine.

Facts: https://doc.cc.in2p3.fr/en/Computing/slurm/configuration.html and environment.html beside it,
checked 2026-11-22.
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
    walltime: str = "01:00:00",
    nodes_per_block: int = 1,
    max_blocks: int = 1,
    channel: Channel | None = None,
) -> Config:
    """A new configuration; :mod:`parsl_like.configs` says what the arguments are."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="cc_in2p3",
                provider=SlurmProvider(
                    account=choice("account", account, "") or None,
                    partition=choice("partition", partition, "htc"),
                    exclusive=False,
                    cores_per_node=8,
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
