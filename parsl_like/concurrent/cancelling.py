"""Cancelling many calls at once: one word to the owner thread, where a future's own ``cancel`` waits for an answer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType
from parsl_like.dataflow.errors import TaskCancelled
from parsl_like.dataflow.futures import UNSETTLED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import AppFuture

_CANCEL_REQUESTED = int(EventType.CANCEL_REQUESTED)


def cancel_all(kernel: DataFlowKernel, futures: Iterable[AppFuture[Any]]) -> None:
    """Cancel the tasks of one kernel that have not ended; when it returns they have, one way or the other.

    The latest first: what needs one that is cancelled would otherwise fail because of that.
    """
    wanted = sorted((each for each in futures if each.settled == UNSETTLED), key=lambda each: each.tid, reverse=True)
    if not wanted or kernel.is_elsewhere:
        return
    kernel._loop.post_all([(_CANCEL_REQUESTED, each.tid, TaskCancelled(each.tid, each._name)) for each in wanted])
    with suppress(TimeoutError):  # the loop has ended, or is about to: the closing ends every future
        kernel._loop.call(lambda: None)
