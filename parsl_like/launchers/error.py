"""Errors of launchers, at the path of Parsl 1.2."""

from parsl_like.launchers.errors import BadLauncher

__all__ = ["BadLauncher"]
