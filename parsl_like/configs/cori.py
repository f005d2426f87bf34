"""Cori at NERSC: Haswell nodes of 32 cores and 128 GB, by Slurm. Out of service since May 2023; see Perlmutter.

What others call a queue was a quality of service: ``regular``; ``debug`` for tests. Other nodes were ``knl``, of 68
cores.

Facts: https://www.nersc.gov/users/computational-systems/cori/configuration/, checked 2026-11-22.
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
    qos: str | None = None,
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
                label="cori",
                max_workers_per_node=32,
                provider=SlurmProvider(
                    account=choice("account", account, "") or None,
                    qos=choice("qos", qos, "regular"),
                    constraint="haswell",
                    worker_init=choice("worker_init", worker_init, ""),
                    walltime=walltime,
                    nodes_per_block=nodes_per_block,
                    max_blocks=max_blocks,
                    channel=channel,
                    cmd_timeout=120,
                    launcher=SrunLauncher(),
                ),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
