"""How much is tried: every day the same few seconds of examples, with PARSL_LIKE_FULL=1 a random many."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = bool(os.environ.get("PARSL_LIKE_FULL"))


def budget(everyday: int, full: int | None = None) -> settings:
    """Settings for so many examples."""
    return settings(
        max_examples=(full or 10 * everyday) if FULL else everyday,
        derandomize=not FULL,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    )


@contextmanager
def little_memory(given: int, times: int = 64, free: int = 1_000_000) -> Iterator[None]:
    """Fails if much more memory is asked for than what was given is worth.

    Args:
        given: Bytes of foreign input.
        times: How many bytes may be asked for each of them.
        free: How many may be asked for anyway.
    """
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= times * given + free, f"{given} bytes of input made {peak} bytes be asked for"
