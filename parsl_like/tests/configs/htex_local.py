"""Parsl's path of :mod:`parsl_like.configs.htex_local`."""

from parsl_like.configs.htex_local import config

__all__ = ["config"]
