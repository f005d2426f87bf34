"""Where the blocks of an executor come from that is given no provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.providers.base import ExecutionProvider


def local_provider() -> ExecutionProvider:
    """A provider of blocks on this machine, as Parsl's executors have it by default."""
    from parsl_like.providers.local import LocalProvider  # not before an executor is built that wants one

    return LocalProvider()
