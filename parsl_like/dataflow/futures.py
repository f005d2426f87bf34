"""Futures that cost little until somebody waits for them.

A ``concurrent.futures.Future`` makes a Condition, two locks and two lists at birth. Most futures of a large run are
never waited for one by one, so :class:`LazyFuture` makes them on first use and is otherwise a full Future: ``wait``,
``as_completed``, callbacks, cancellation and ``asyncio`` work on it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import TYPE_CHECKING, Any, TypeVar

from parsl_like.core.states import state_of
from parsl_like.core.task import row_of
from parsl_like.errors import NoDataFlowKernelError

if TYPE_CHECKING:
    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.dflow import DataFlowKernel

logger = logging.getLogger(__name__)
T = TypeVar("T")

_PENDING, _FINISHED, _CANCELLED = "PENDING", "FINISHED", "CANCELLED_AND_NOTIFIED"  # the names concurrent.futures uses
# Guards the moments that a Condition of the future's own would guard; held for microseconds. It can be taken twice,
# since a signal's handler or a finaliser that uses a future may run on a thread that holds it.
_GATE = threading.RLock()


def _renew_gate() -> None:
    """In a forked process the thread that held it, if any did, does not exist."""
    global _GATE  # noqa: PLW0603 - it is one per process
    _GATE = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_gate)

UNSETTLED, SUCCEEDED, FAILED, CANCELLED = 0, 1, 2, 3

Callback = Callable[[Any], object]
Owed = tuple["LazyFuture[Any]", Sequence[Callback]]
"""A future that has ended, and callbacks of users' that have to be run because of it."""
Watcher = Callable[[Any], Sequence[Owed]]
"""The kernel's own kind of callback: given the future, it returns what has become due because of it."""


class LazyFuture(Future[T]):
    """A Future whose Condition exists only once somebody waits for it.

    It ends in three steps: ``settle`` stores the end, visible at once to dependents through ``settled``; ``tell`` wakes
    those who wait, which runs no code of users', so that nobody waits for somebody else's callback; what it returns are
    the callbacks, to be run on a thread where they may take their time.
    """

    __slots__ = ("_cond", "_done_callbacks", "_exception", "_result", "_state", "_waiters", "_watchers", "settled")

    def __init__(self) -> None:  # the base's is not called: it would make what this class avoids
        self._cond: threading.Condition | None = None
        self._state = _PENDING
        self._result: Any = None
        self._exception: BaseException | None = None
        self._waiters: Any = ()
        self._done_callbacks: Any = None
        self._watchers: list[Watcher] | None = None
        self.settled = UNSETTLED

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]  # what wait() and as_completed() lock
        cond = self._cond
        if cond is None:
            with _GATE:
                cond = self._cond
                if cond is None:
                    self._waiters = []
                    cond = self._cond = threading.Condition()
        return cond

    # --- ending ------------------------------------------------------------------------------------------------

    def settle(self, settled: int, value: Any) -> None:
        """Store the end without telling anybody: a value, an exception, or neither for CANCELLED."""
        if settled == SUCCEEDED:
            self._result = value
        elif settled == FAILED:
            self._exception = value
            self._result = getattr(value, "__traceback__", None)  # what each raising of it starts from
        self.settled = settled

    def publish(self) -> None:
        """Tell everybody, callbacks included; one that raises is logged. A second call does nothing."""
        run_owed(self.tell())

    def tell(self) -> Sequence[Owed]:
        """Tell those who wait and those who watch; returns the callbacks that are due. A second call does nothing."""
        state = _CANCELLED if self.settled == CANCELLED else _FINISHED
        with _GATE:
            waited_for = self._cond is not None
            if not waited_for:
                self._state = state
        if waited_for:
            self._tell_waiters(state)
        if self._done_callbacks is None and self._watchers is None:
            return ()
        return self._owed()

    def _owed(self) -> Sequence[Owed]:
        with _GATE:  # nobody adds to them any more, but two threads may tell at the same time
            callbacks, self._done_callbacks = self._done_callbacks, None
            watchers, self._watchers = self._watchers, None
        owed: list[Owed] = [(self, callbacks)] if callbacks else []
        for watcher in watchers or ():
            owed.extend(watcher(self))
        return owed

    def _tell_waiters(self, state: str) -> None:
        with self._condition:
            with _GATE:
                if self._state != _PENDING:
                    return
                self._state = state
            for waiter in self._waiters:
                if state == _CANCELLED:
                    waiter.add_cancelled(self)
                elif self._exception is not None:
                    waiter.add_exception(self)
                else:
                    waiter.add_result(self)
            self._condition.notify_all()

    def _run(self, callback: Callable[[Future[T]], object]) -> None:
        try:
            callback(self)
        except BaseException as error:  # a user's callback must not take the thread that serves all others
            if not isinstance(error, Exception) and threading.current_thread() is threading.main_thread():
                raise  # Ctrl-C, or a wish to end the program
            tid = getattr(self, "tid", None)
            logger.exception("exception calling callback for %r", self, extra=None if tid is None else {"task": tid})

    # --- the Future's interface ----------------------------------------------------------------------------------

    def done(self) -> bool:
        """Whether the task has ended, well or badly, or was cancelled."""
        return self._state != _PENDING or self.settled == CANCELLED

    def cancelled(self) -> bool:
        """Whether the task was cancelled."""
        return self.settled == CANCELLED

    def running(self) -> bool:
        """Always False: that a task runs is known to its worker, and to the records."""
        return False

    def cancel(self) -> bool:
        """Cancel if it has not ended; True if that worked."""
        with _GATE:
            if self.settled != UNSETTLED:
                return self.settled == CANCELLED
            self.settle(CANCELLED, None)
        self.publish()
        return True

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call ``fn(future)`` once it has ended; at once, in the caller's thread, if it has."""
        with _GATE:
            if self._state == _PENDING:
                if self._done_callbacks is None:
                    self._done_callbacks = [fn]
                else:
                    self._done_callbacks.append(fn)
                return
        self._run(fn)

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher(future)`` as soon as it has ended, on the thread that ends it; at once if it has.

        For the kernel's own ends only: a watcher neither waits nor raises nor runs code of users'.
        """
        with _GATE:
            if self._state == _PENDING:
                if self._watchers is None:
                    self._watchers = [watcher]
                else:
                    self._watchers.append(watcher)
                return
        run_owed(watcher(self))

    def _wait(self, timeout: float | None) -> None:
        if self._state != _PENDING:
            return
        with self._condition:
            if self._state == _PENDING:
                self._condition.wait(timeout)
        if self._state == _PENDING:
            raise TimeoutError

    def wait_published(self) -> None:
        """Wait until those who wait have been told, whatever the end is."""
        self._wait(None)

    def result(self, timeout: float | None = None) -> T:
        """The task's value.

        Args:
            timeout: Seconds to wait, None for as long as it takes.

        Raises:
            TimeoutError: if it has not ended by then.
            CancelledError: if it was cancelled.
            Exception: what the task raised.
        """
        if self._state == _PENDING and self.settled != CANCELLED:
            self._wait(timeout)
        if self.settled == CANCELLED:
            raise CancelledError
        if self._exception is not None:
            try:
                # From where it came each time, or its traceback would grow with every call.
                raise BaseException.with_traceback(self._exception, self._result)
            finally:
                self = None  # type: ignore[assignment]  # noqa: PLW0642 - no cycle of exception, traceback, frame and future
        return self._result  # type: ignore[no-any-return]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the task raised, or None; waits and raises as :meth:`result` does."""
        if self.settled != CANCELLED:
            self._wait(timeout)
        if self.settled == CANCELLED:
            raise CancelledError
        return self._exception

    def set_running_or_notify_cancel(self) -> bool:
        """For code that treats this as a future of its own; True unless cancelled."""
        return self.settled != CANCELLED

    def set_result(self, result: T) -> None:
        """End with a value."""
        self._end(SUCCEEDED, result)

    def set_exception(self, exception: BaseException | None) -> None:
        """End with an exception."""
        self._end(FAILED, exception() if isinstance(exception, type) else exception)

    def _end(self, settled: int, value: Any) -> None:
        with _GATE:
            if self.settled != UNSETTLED:
                raise InvalidStateError(f"{self!r} has ended already")
            self.settle(settled, value)
        self.publish()

    def __await__(self) -> Generator[Any, None, T]:
        """The value, for ``await`` under asyncio."""
        import asyncio  # 50 ms to import: only who awaits pays

        return asyncio.wrap_future(self, loop=asyncio.get_running_loop()).__await__()

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy would never end.
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled or copied: give it to an app as an argument of its own, or "
            "use Config(dependency_resolver=DEEP_DEPENDENCY_RESOLVER) where lists or dictionaries hold it"
        )

    def __repr__(self) -> str:
        how = {UNSETTLED: "pending", SUCCEEDED: "finished", FAILED: "failed", CANCELLED: "cancelled"}[self.settled]
        return f"<{type(self).__name__} at {id(self):#x} {how}>"


def run_owed(owed: Iterable[Owed]) -> None:
    """Run callbacks that have become due; one that raises is logged."""
    for future, callbacks in owed:
        for callback in callbacks:
            future._run(callback)


class AppFuture(LazyFuture[T]):
    """The future of one call of an app.

    Attributes:
        tid: The task's id in its run.
        outputs: One DataFuture for each file in ``outputs``.
    """

    __slots__ = ("_kernel", "_name", "_outputs", "_phase", "_remains", "_row", "_std", "tid")

    def __init__(self, tid: int, name: str, kernel: DataFlowKernel | None = None) -> None:
        super().__init__()
        self.tid = tid
        self._name = name
        self._kernel = kernel
        self._row: TaskRow | None = None
        self._remains: tuple[Any, ...] | None = None
        self._phase = 0
        self._outputs: list[Any] | None = None
        self._std: tuple[Any, Any] | None = None

    @property
    def outputs(self) -> list[Any]:
        """Futures of the files the task makes, in the order of its ``outputs`` argument."""
        if self._outputs is None:
            self._outputs = []
        return self._outputs

    @property
    def stdout(self) -> Any:
        """Where the task's standard output goes: what was given as ``stdout``, a path for AUTO_LOGNAME."""
        return self._std[0] if self._std is not None else None

    @property
    def stderr(self) -> Any:
        """Where the task's standard error goes."""
        return self._std[1] if self._std is not None else None

    def task_status(self) -> str:
        """The name of the task's public state, like "launched"."""
        row = self._row
        return (row.state if row is not None else state_of(self._phase)).name

    @property
    def task_record(self) -> Any:
        """A read-only view of what the kernel knows of the task, with the keys that Parsl's records have."""
        from parsl_like.dataflow.taskview import TaskView

        row = self._row
        if row is None and self._remains is not None:
            row = row_of(self._remains, self)
        return TaskView(row, self)

    task_def = task_record
    """Parsl 1.2's name of it."""

    def cancel(self) -> bool:
        """Cancel the task: a waiting or queued one never runs, a running one is stopped as far as its executor can.

        Returns:
            True if the task will not end by itself any more; False if it had ended before.
        """
        if self.settled == CANCELLED:
            return True
        if self.settled != UNSETTLED or self._kernel is None:
            return False
        return self._kernel.cancel(self)

    def _wait(self, timeout: float | None) -> None:
        if self._state == _PENDING and self._kernel is not None and self._kernel.is_elsewhere:
            raise NoDataFlowKernelError(
                f"task {self.tid} ({self._name}) runs in the process that this one was forked from, and its end will "
                "not be heard of here.",
                hint="wait for results before you fork, or in the parent.",
            )
        super()._wait(timeout)

    def __getitem__(self, key: Any) -> AppFuture[Any]:
        """A future of ``result()[key]``."""
        return self._lifted("__getitem__", key)

    def __getattr__(self, name: str) -> AppFuture[Any]:
        """A future of ``result().name``; names that begin with an underscore are not lifted."""
        if name.startswith("_") or self._kernel is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._lifted("__getattr__", name)

    def _lifted(self, how: str, what: Any) -> AppFuture[Any]:
        if self._kernel is None:
            raise TypeError("a future that belongs to no kernel cannot be subscripted")
        return self._kernel.lift(self, how, what)

    def __iter__(self) -> Any:
        raise TypeError("an AppFuture cannot be iterated over: index it, or wait for its result() first")

    def __repr__(self) -> str:
        return f"<AppFuture task {self.tid} ({self._name}) {self.task_status()}>"
