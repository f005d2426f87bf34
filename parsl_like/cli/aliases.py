"""Commands that Parsl has under names of their own: each is a part of ``parsl-like``."""

from __future__ import annotations

import sys

from parsl_like import cli


def perf() -> int:
    """The command ``parsl-perf``."""
    return _part("perf")


def visualize() -> int:
    """The command ``parsl-visualize``."""
    return _part("visualize")


def globus_auth() -> int:
    """The command ``parsl-globus-auth``."""
    return _part("globus-auth")


def _part(name: str) -> int:
    return cli.main([name, *sys.argv[1:]])
