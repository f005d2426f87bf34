"""Apps run on the ranks of an MPI program on this machine, as Parsl 1.2's extreme-scale executor had it.

It can be built, compared and written to a file; a run with that executor is refused and says what to use instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import made_when_asked
from parsl_like.executors import ExtremeScaleExecutor
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import LocalProvider


def fresh_config() -> Config:
    """A new configuration with two ranks in one block."""
    return Config(
        executors=[
            ExtremeScaleExecutor(
                label="exex_local",
                ranks_per_node=2,
                provider=LocalProvider(init_blocks=1, max_blocks=1, launcher=SimpleLauncher()),
            )
        ],
    )


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
