"""Apps run on a worker of Work Queue on this machine.

It can be built, compared and written to a file; a run with that executor is refused and says what to use instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import made_when_asked
from parsl_like.executors import WorkQueueExecutor
from parsl_like.providers import LocalProvider


def fresh_config() -> Config:
    """A new configuration whose worker sees the files of this machine."""
    return Config(
        executors=[
            WorkQueueExecutor(
                label="wqex_local",
                shared_fs=True,
                provider=LocalProvider(init_blocks=1, max_blocks=1),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
