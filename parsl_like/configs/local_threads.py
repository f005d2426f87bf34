"""Apps run on threads of the program itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.config import Config
from parsl_like.configs import made_when_asked
from parsl_like.executors import ThreadPoolExecutor


def fresh_config() -> Config:
    """A new configuration with a pool of two threads."""
    return Config(executors=[ThreadPoolExecutor()])


config: Config

if not TYPE_CHECKING:
    __getattr__ = made_when_asked(__name__, fresh_config)
