"""Errors of launchers, at Parsl's path."""

from parsl_like.errors import BadLauncher

__all__ = ["BadLauncher"]
