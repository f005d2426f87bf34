"""Parsl's path of :mod:`parsl_like.configs.local_threads`."""

from parsl_like.configs.local_threads import config

__all__ = ["config"]
