"""Join apps: their body runs on an internal thread, and their end is that of the futures it returned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType, RawEvent
from parsl_like.core.task import JoinTargets, TaskRow
from parsl_like.dataflow.errors import JoinError
from parsl_like.dataflow.futures import LazyFuture
from parsl_like.dataflow.services import mark_service_thread

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel

_JOIN_DONE = int(EventType.JOIN_DONE)
_current = threading.local()


def current_kernel() -> DataFlowKernel | None:
    """The kernel whose join body the calling thread runs, so that apps called in it go to the same kernel."""
    return getattr(_current, "kernel", None)


class JoinBody:
    """The function that runs for a join app: the user's body, its result recognised as futures.

    Args:
        func: The user's function.
        kernel: The kernel that apps called in the body belong to.
    """

    def __init__(self, func: Callable[..., Any], kernel: DataFlowKernel) -> None:
        self._func, self._kernel = func, kernel
        self.__name__ = getattr(func, "__name__", "join_app")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The futures to wait for, or whatever else the body returned, which is an error."""
        mark_service_thread()
        before = current_kernel()
        _current.kernel = self._kernel
        try:
            value = self._func(*args, **kwargs)
        finally:
            _current.kernel = before
        if isinstance(value, Future):
            return JoinTargets((value,), single=True)
        if isinstance(value, list | tuple) and all(isinstance(item, Future) for item in value):
            return JoinTargets(tuple(value), single=False)
        return value


def watch(row: TaskRow, targets: JoinTargets, post: Callable[[RawEvent], None]) -> None:
    """Post JoinDone once all inner futures have ended."""
    futures: Sequence[Future[Any]] = targets.futures
    task = row.id
    left = len(futures)
    lock = threading.Lock()
    # The ends of futures of other libraries are read where their callbacks run: doing so is their code.
    prompt = all(isinstance(future, LazyFuture) for future in futures)

    def one_more(_future: Any) -> tuple[()]:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            post((_JOIN_DONE, task, _outcome(task, targets)))
        return ()

    if not futures:
        post((_JOIN_DONE, task, (True, [])))
    for future in futures:
        try:
            listen(future, one_more, prompt=prompt)
        except Exception as error:  # noqa: BLE001 - a future of any library; the join must end all the same
            post((_JOIN_DONE, task, (False, error)))


def _outcome(task: int, targets: JoinTargets) -> tuple[bool, Any]:
    try:
        failed = [(error, name_of(future)) for future in targets.futures if (error := error_of(future)) is not None]
        if failed:
            return False, JoinError(failed, task)
        values = [future.result() for future in targets.futures]
    except Exception as error:  # noqa: BLE001 - futures may be of any library; the join must end whatever they do
        return False, error
    return True, values[0] if targets.single else values


def error_of(future: Future[Any]) -> BaseException | None:
    """What a future that has ended failed with; being cancelled counts."""
    if future.cancelled():
        from concurrent.futures import CancelledError  # only needed for the rare case

        return CancelledError(f"{future!r} was cancelled")
    return future.exception()


def listen(future: Future[Any], hears: Callable[[Any], tuple[()]], *, prompt: bool = True) -> None:
    """Have ``hears(future)`` called once a future has ended: one of a kernel's without waiting for users' callbacks.

    Raises:
        Exception: what the future of another library raises.
    """
    if prompt and isinstance(future, LazyFuture):
        future.watch(hears)
    else:
        future.add_done_callback(hears)


def name_of(future: Future[Any]) -> str:
    """How a future is called in the error of a task that needed it."""
    tid = getattr(future, "tid", None) if isinstance(future, LazyFuture) else None
    if tid is None:
        return "a future of another kind"
    app = getattr(future, "_name", None) or getattr(getattr(future, "_parent", None), "_name", None)
    return f"task {tid} ({app})" if app is not None else f"a file of task {tid}"
