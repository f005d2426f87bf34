"""Perlmutter at NERSC: nodes of 128 cores and 512 GB, or of 64 cores and 4 GPUs, by Slurm.

What others call a queue is a quality of service here: ``regular``; ``debug`` for tests. Without an account your default
project is charged.

Facts: https://docs.nersc.gov/jobs/policy/ and https://docs.nersc.gov/systems/perlmutter/architecture/,
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

CORES = 128
GPUS = 4


def fresh_config(
    *,
    account: str | None = None,
    qos: str | None = None,
    worker_init: str | None = None,
    walltime: str = "00:30:00",
    nodes_per_block: int = 1,
    max_blocks: int = 1,
    channel: Channel | None = None,
    gpus: bool = False,
) -> Config:
    """A new configuration; :mod:`parsl_like.configs` says what the arguments are."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="perlmutter",
                max_workers_per_node=GPUS if gpus else CORES,
                available_accelerators=GPUS if gpus else 0,
                provider=SlurmProvider(
                    account=choice("account", account, "") or None,
                    qos=choice("qos", qos, "regular"),
                    constraint="gpu" if gpus else "cpu",
                    gpus_per_node=GPUS if gpus else None,
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
