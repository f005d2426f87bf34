"""A limit for steps of paramiko's that have none of their own."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def at(deadline: float, act: Callable[[], None]) -> Iterator[threading.Event]:
    """Do something at a deadline, in another thread, unless the block has ended before.

    Args:
        deadline: When, in monotonic seconds.
        act: What makes the step end; raises nothing.

    Yields:
        An event that is set when it was done.
    """
    over, late = threading.Event(), threading.Event()

    def watch() -> None:
        if not over.wait(max(0.0, deadline - time.monotonic())):
            late.set()
            act()

    threading.Thread(target=watch, name="parsl-like-ssh-limit", daemon=True).start()
    try:
        yield late
    finally:
        over.set()
