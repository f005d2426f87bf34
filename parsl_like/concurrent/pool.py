"""A pool of the standard library's kind whose work is done by a kernel's executors.

Sources: the page ``concurrent.futures`` of Python's documentation (3.14), and PEP 3148.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, overload

from parsl_like.app.base import AppBase
from parsl_like.app.python import PythonApp
from parsl_like.concurrent.calls import Calling, Chunk, travels_with_each_call
from parsl_like.concurrent.cancelling import cancel_all
from parsl_like.config import Config
from parsl_like.core.states import States
from parsl_like.dataflow.loader import DataFlowKernelLoader
from parsl_like.errors import NoDataFlowKernelError
from parsl_like.serialize.functions import name_of

if TYPE_CHECKING:
    from parsl_like.app.calls import Coming, Executors
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import AppFuture

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")

APPS_KEPT = 256
"""Functions whose app is remembered, so that a program that makes a new one for each call does not grow for ever."""


class ParslPoolExecutor(Executor):
    """A ``concurrent.futures.Executor`` whose calls are tasks: what takes a pool takes this one.

    Guarantees what the standard library says of pools, and beyond that: a future may be an argument of another call;
    ``cancel()`` of a future works until its task has ended, and a task that runs is stopped as far as its executor can.
    Keyword arguments that have a meaning for apps (``walltime``, ``inputs``, ``outputs``, ``stdout``, ``stderr``,
    ``parsl_resource_specification``) have it here, too.

    Given a configuration, the pool owns a kernel: it starts when the pool is entered or first used, ends with it, and
    is the default one meanwhile unless another is loaded. Given a kernel, the pool borrows that: its owner ends it, and
    has to do so after the pool.

    Args:
        config: What to run on.
        dfk: A running kernel, instead.
        executors: Labels of the executors that the pool's calls may run on, or "all".

    Raises:
        ValueError: both a configuration and a kernel were given, or neither.
        TypeError: the configuration is none.
    """

    def __init__(
        self, config: Config | None = None, dfk: DataFlowKernel | None = None, executors: Executors = "all"
    ) -> None:
        if (config is None) == (dfk is None):
            raise ValueError("a pool takes either a config, for a kernel of its own, or a dfk that runs already")
        if config is not None and not isinstance(config, Config):
            raise TypeError(f"config is {config!r}; expected a Config")
        self.executors = executors
        self._config = config
        self._kernel = dfk
        self._changed = threading.Condition(threading.RLock())
        self._submitting = 0
        self._is_shut = False
        self._closing: threading.Thread | None = None
        self._pending: set[AppFuture[Any]] = set()
        self._apps: OrderedDict[Any, Any] = OrderedDict()

    # --- calls ---------------------------------------------------------------------------------------------------

    @overload
    def submit(self, fn: AppBase[P, R], /, *args: P.args, **kwargs: P.kwargs) -> AppFuture[R]: ...
    @overload
    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> AppFuture[R]: ...
    @overload
    def submit(
        self, fn: Callable[Concatenate[A, P], R], a: Coming[A], /, *args: P.args, **kwargs: P.kwargs
    ) -> AppFuture[R]: ...
    @overload
    def submit(
        self, fn: Callable[Concatenate[Any, B, P], R], a: Any, b: Coming[B], /, *args: P.args, **kwargs: P.kwargs
    ) -> AppFuture[R]: ...
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AppFuture[Any]:
        """Have ``fn(*args, **kwargs)`` called by a task; returns its future at once.

        Raises:
            RuntimeError: the pool, or the kernel that it borrows, has been shut down.
            TypeError: ``fn`` cannot be called.
        """
        with self._a_submission():
            if not isinstance(fn, AppBase) and callable(fn) and travels_with_each_call(fn, kwargs):
                name = name_of(fn)
                calling = self._app_of(("calling", name), lambda: self._app(Calling(name)))
                return self._begun(calling, (fn, *args), kwargs)
            return self._begun(self.get_app(fn), args, kwargs)

    def _begun(self, app: Callable[..., Any], args: Iterable[Any], kwargs: Any) -> AppFuture[Any]:
        try:
            future: AppFuture[Any] = app(*args, **kwargs)
        except NoDataFlowKernelError as error:
            raise RuntimeError(f"cannot schedule new futures after shutdown: {error}") from error
        self._pending.add(future)
        future.watch(self._forget)
        return future

    def _forget(self, future: AppFuture[Any]) -> tuple[()]:
        self._pending.discard(future)
        return ()

    @contextmanager
    def _a_submission(self) -> Iterator[None]:
        """Keeps a shutdown on another thread from overlooking a call that is on its way."""
        with self._changed:
            if self._is_shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._submitting += 1
        try:
            yield
        finally:
            with self._changed:
                self._submitting -= 1
                self._changed.notify_all()

    def map(
        self,
        fn: Callable[..., R],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[R]:
        """Results of ``fn`` for items of the iterables, in their order, like the built-in ``map``.

        The iterables are read, and their calls submitted, at once, unless ``buffersize`` is given. An iterator that is
        closed, or ended by an error, cancels what has not ended.

        Args:
            fn: The function.
            *iterables: Its arguments; the shortest one ends the results. Futures among them are waited for.
            timeout: Seconds from now after which a result that is not there is waited for no longer.
            chunksize: Items that are one task together; more of them save time if calls are very short. If one of them
                fails, the results of its chunk are lost. Apps are tasks of their own, whatever it is.
            buffersize: Tasks ahead of the result that is taken, at most; the iterables may then be endless.

        Raises:
            ValueError: ``chunksize`` or ``buffersize`` is less than 1.
            TypeError: ``buffersize`` is not a whole number.
            TimeoutError: when a result is taken that is not there in time.
            Exception: what a call raised, when its result is taken.
        """
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        end = None if timeout is None else time.monotonic() + timeout
        items = zip(*iterables, strict=False)
        if chunksize == 1 or isinstance(fn, AppBase):
            return self._results(fn, items, end, buffersize)
        return _one_by_one(self._results(self._chunked(fn, len(iterables)), _joined(items, chunksize), end, buffersize))

    def _chunked(self, fn: Callable[..., R], width: int) -> Any:
        chunk = Chunk(fn, width)
        # An app is sent once, however many chunks there are.
        return chunk if travels_with_each_call(fn, {}) else self._app(chunk)

    def _results(
        self, fn: Callable[..., R], items: Iterator[tuple[Any, ...]], end: float | None, buffersize: int | None
    ) -> Generator[R, None, None]:
        # The generator is a function of its own, so that the calls here do not wait for the first result to be asked.
        ahead = deque(self.submit(fn, *item) for item in islice(items, buffersize))

        def taken() -> Generator[R, None, None]:
            try:
                while ahead:
                    if buffersize is not None:
                        wanted = buffersize + 1 - len(ahead)
                        ahead.extend(self.submit(fn, *item) for item in islice(items, wanted))
                    yield _result(ahead.popleft(), end)
            finally:
                if ahead:
                    cancel_all(self.dfk, ahead)

        return taken()

    # --- apps ----------------------------------------------------------------------------------------------------

    @property
    def app_count(self) -> int:
        """Functions whose app the pool remembers."""
        return len(self._apps)

    def get_app(self, fn: Callable[P, R]) -> PythonApp[P, R]:
        """The app that the pool makes of a function, to be called, or given options; the same one each time.

        An app of the program's own is taken as it is, for the pool's kernel.

        Raises:
            RuntimeError: the pool was shut down before its kernel had ever been started.
            TypeError: it cannot be called.
        """
        app: PythonApp[P, R]
        if isinstance(fn, AppBase):
            app = self._app_of(fn, lambda: self._own(fn))
        elif not callable(fn):
            raise TypeError(f"{fn!r} cannot be called")
        elif travels_with_each_call(fn, {}):
            app = self._app(fn)
        else:
            app = self._app_of(fn, lambda: self._app(fn))
        return app

    def _app(self, fn: Callable[P, R]) -> PythonApp[P, R]:
        return PythonApp(fn, self.dfk, executors=self.executors)

    def _own(self, app: AppBase[..., Any]) -> Any:
        limited = self.executors != "all" and app.executors == "all" and not app.join
        twin = app.options(executors=self.executors) if limited else app.options()
        twin.data_flow_kernel = self.dfk
        return twin

    def _app_of(self, key: Any, make: Callable[[], Any]) -> Any:
        with self._changed:
            app = self._apps.get(key)
            if app is None:
                app = self._apps[key] = make()
                if len(self._apps) > APPS_KEPT:
                    self._apps.popitem(last=False)
            else:
                self._apps.move_to_end(key)
            return app

    # --- beginning and end ---------------------------------------------------------------------------------------

    @property
    def dfk(self) -> DataFlowKernel:
        """The kernel: the one that was given, or the pool's own, which is started now if it has not been.

        Raises:
            RuntimeError: the pool was shut down before its own had ever been started.
        """
        with self._changed:
            if self._kernel is None:
                if self._is_shut:
                    raise RuntimeError("the pool was shut down before it was used")
                self._kernel = _started(self._config)
            return self._kernel

    def __enter__(self) -> Self:
        if not self._is_shut:
            _ = self.dfk  # started here, so that its blocks are on their way
        return self

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end what the pool owns once the calls that it has have ended.

        Args:
            wait: Whether to return only then. If not, the program does not end before it either.
            cancel_futures: Whether to cancel the calls that have not begun to run. Threads know which those are. What
                has been handed to other executors is cancelled whether or not it has begun, and stopped if it has.
        """
        with self._changed:
            self._is_shut = True
        if self._kernel is None or self._kernel.is_elsewhere:
            return
        if cancel_futures:
            self._cancel_what_waits()
        if wait:
            self._close()
            if self._closing is not None and self._closing is not threading.current_thread():
                self._closing.join()
            return
        with self._changed:
            if self._closing is None and self._config is not None:
                # Not a daemon: the interpreter waits for it before it takes anything apart.
                self._closing = threading.Thread(target=self._close, name="parsl-like-pool", daemon=False)
                self._closing.start()

    def _close(self) -> None:
        with self._changed:
            while self._submitting:
                self._changed.wait()
        while pending := list(self._pending):
            for future in pending:
                future.wait_published()
        if self._config is not None and self._kernel is not None:
            self._kernel.cleanup()
            if DataFlowKernelLoader._dfk is self._kernel:
                DataFlowKernelLoader.clear()

    def _cancel_what_waits(self) -> None:
        cancel_all(self.dfk, [future for future in list(self._pending) if not self._has_begun(future)])

    def _has_begun(self, future: AppFuture[Any]) -> bool:
        row, kernel = future._row, self._kernel
        if row is None or kernel is None or row.state != States.launched:
            return False
        session: Any = kernel.executors.get(row.executor)
        asked = getattr(session, "has_begun", None)
        return asked is not None and bool(asked(row.attempt_id))


def _started(config: Config | None) -> DataFlowKernel:
    """A new kernel, which is the default one unless there is another."""
    default = DataFlowKernelLoader._dfk
    if default is None or default.cleanup_called or default.is_elsewhere:
        return DataFlowKernelLoader.load(config)
    from parsl_like.dataflow.dflow import DataFlowKernel

    return DataFlowKernel(config)


def _joined(items: Iterator[tuple[Any, ...]], size: int) -> Iterator[tuple[Any, ...]]:
    """The arguments of up to ``size`` items at a time, one after another."""
    while chunk := tuple(chain.from_iterable(islice(items, size))):
        yield chunk


def _one_by_one(chunks: Generator[list[R], None, None]) -> Iterator[R]:
    with closing(chunks):
        for chunk in chunks:
            yield from chunk


def _result(future: AppFuture[R], end: float | None) -> R:
    """The future's value; a future that does not give it in time is cancelled."""
    try:
        return future.result(None if end is None else max(0.0, end - time.monotonic()))
    finally:
        future.cancel()
        del future  # what it holds is not to be kept by whoever handles an error
