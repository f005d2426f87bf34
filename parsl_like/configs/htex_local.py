"""Apps run on worker processes of this machine, one for each processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import made_when_asked
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import LocalProvider


def fresh_config() -> Config:
    """A new configuration with one block on this machine."""
    return Config(
        executors=[
            HighThroughputExecutor(
                label="htex_local",
                cores_per_worker=1,
                provider=LocalProvider(init_blocks=1, max_blocks=1),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
