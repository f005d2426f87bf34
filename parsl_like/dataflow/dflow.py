"""The dataflow kernel: the one place where all parts of a run are put together, and taken apart again.

user threads           owner thread                   other threads
------------           ------------                   -------------
app(...) --Submission--> inbox --> TaskMachine --> LiveEffects --> executor sessions (same thread)
                                                               --> parsl-like-completion: callbacks
                                                               --> parsl-like-prepare: tasks that had to wait
                                                               --> parsl-like-records: sinks
                                                               --> parsl-like-jobs: blocks
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from parsl_like.clocks import SystemClock
from parsl_like.config import Config
from parsl_like.core.events import EventType
from parsl_like.core.machine import TaskMachine
from parsl_like.core.missing import refuse_missing
from parsl_like.core.ports import ElasticSession, ExecutorSession, RunInfo
from parsl_like.core.states import FINAL_PHASES
from parsl_like.core.task import AppSpec
from parsl_like.core.unbuilt import refuse_unbuilt
from parsl_like.dataflow.blockhistory import BlockHistory
from parsl_like.dataflow.closing import Closing
from parsl_like.dataflow.effects import LiveEffects
from parsl_like.dataflow.errors import DependencyError, TaskCancelled
from parsl_like.dataflow.failures import FailureLog
from parsl_like.dataflow.futures import CANCELLED, AppFuture, LazyFuture, run_owed
from parsl_like.dataflow.health import Health
from parsl_like.dataflow.joins import watch
from parsl_like.dataflow.keptblocks import KeptBlocks, died_of_an_error
from parsl_like.dataflow.lifting import lifted_spec
from parsl_like.dataflow.loop import KernelLoop
from parsl_like.dataflow.memoization import memo_of, memoizer_of
from parsl_like.dataflow.payloads import FailedPayloads
from parsl_like.dataflow.preparation import Preparation
from parsl_like.dataflow.readings import Readings
from parsl_like.dataflow.remembering import Remembering
from parsl_like.dataflow.retries import RetryDesk
from parsl_like.dataflow.rundirs import files_in, make_rundir
from parsl_like.dataflow.services import Service, is_service_thread
from parsl_like.dataflow.signals import ENDING_SIGNALS, LONGEST_S
from parsl_like.dataflow.submission import INTERNAL, Submission
from parsl_like.errors import ConfigurationError, NoDataFlowKernelError, TaskLost
from parsl_like.monitoring.sinks.memory import MemorySink
from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.futures import Owed
    from parsl_like.executors.base import ParslExecutor

if not TYPE_CHECKING:  # the loader imports this module, and programs look for it here
    __getattr__ = resolver(__name__, {"DataFlowKernelLoader": "parsl_like.dataflow.loader"})

logger = logging.getLogger(__name__)

_CANCEL_REQUESTED = int(EventType.CANCEL_REQUESTED)

STATUS_SECONDS = 1.0
"""How long the owner thread, which alone knows executors well, is waited for when the status is asked for."""


class DataFlowKernel(Readings):
    """Runs tasks as soon as their inputs are there.

    Guarantees: every future that it has handed out ends, in the order of its kind at the latest when the kernel is
    cleaned up; after ``cleanup`` nothing that it started is left. Its constructor is the only one of this package that
    acts: it makes the run directory and starts threads and executors.

    Args:
        config: What to run on; a sealed copy is used, so that one Config serves any number of kernels.

    Attributes:
        config: The sealed copy.
        run_id: A UUID as text.
        run_dir: The run's own directory.
        executors: Running executors by label.
        records: The last records of the run.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.config = _described(config).sealed()
        refuse_unbuilt(self.config)
        refuse_missing(self.config)
        self.run_id = str(uuid.uuid4())
        self.run_dir = make_rundir(str(self.config.run_dir))
        self.executors: dict[str, ExecutorSession] = {}
        self.is_open = True
        self._context = RunInfo(self.run_id, self.run_dir, time.time(), _argv())
        self._clock = SystemClock()
        self.records = MemorySink()
        self._pid = os.getpid()
        self._descriptions: list[ParslExecutor] = []
        self._cleanup_lock = threading.Lock()
        self._closer: int | None = None
        self._closed = threading.Event()
        self.cleanup_called = False
        self._stack = ExitStack()
        self._at_exit = _call_weakly(self)
        try:
            with ENDING_SIGNALS.put_off():  # what is half open is hard to close
                self._begin()
        except KeyboardInterrupt:
            self.cleanup()
            raise

    def _begin(self) -> None:
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        atexit.register(self._at_exit)
        ENDING_SIGNALS.attach(self)

    # --- putting it together -----------------------------------------------------------------------------------

    def _open(self, stack: ExitStack) -> None:
        """Start every part; each registers how it is ended, in reverse order."""
        from parsl_like.dataflow.opening import open_logging, open_plugins, open_recorder, warn_of_what_is_not_there

        config = self.config
        stack.callback(open_logging(config, self.run_dir))
        warn_of_what_is_not_there(config)
        logger.info("run %s in %s", self.run_id, self.run_dir)
        self.plugins = open_plugins()
        self._closing = Closing(self)
        self.recorder = open_recorder(self.plugins, config, self._context, self.records)
        stack.callback(lambda: self.recorder.close(self._closing.last_moment()))
        self.kept_blocks = KeptBlocks(config, self._context, self.recorder.record)
        self.block_history = BlockHistory(self.kept_blocks.record)
        self.health = Health(self)
        self._payloads = FailedPayloads(self.run_dir)
        self._open_memory(stack)
        self.machine = self._made_machine()
        self._failures = FailureLog(self.machine.rows)
        self._loop = KernelLoop(self.machine, self._crashed)
        self._open_submission()
        self._completion: Service[list[Owed]] = Service("parsl-like-completion", run_owed)
        self._prepare: Service[Any] = Service("parsl-like-prepare", self._preparation.serve)
        handler = config.retry_handler
        self._retries = RetryDesk(handler, self.machine, self._loop.post, config.internal_tasks_max_threads)
        stack.callback(self._closing.close)
        for service in (self._completion, self._prepare):
            service.start()
        self._poller: Any = None
        self._open_internal()
        for description in config.executors or ():
            self._open_executor(description)  # type: ignore[arg-type]  # sealing has wrapped plain pools
        self._loop.start(self._made_effects(), None if handler is None else self._retries.ask)
        self.plugins.run_started(self._context)

    def _open_memory(self, stack: ExitStack) -> None:
        """Begin with what earlier runs have left, and say on file what that is."""
        from parsl_like.dataflow.opening import checkpoints_to_begin_with, open_run_record

        config = self.config
        self.memoizer = memoizer_of(config)
        former, resumed = checkpoints_to_begin_with(self.memoizer, config, self.run_dir)
        self._run_record = open_run_record(self._context, config, former, resumed)
        self._memo: Any = memo_of(
            self.memoizer, config, self.run_dir, former, self.plugins.memo_hashers, self.health.warn_of_checkpoint
        )
        self.remembering = Remembering(self)
        stack.callback(self.remembering.close)
        self._memo.when_asked = self.remembering.catch_up

    def _made_machine(self) -> TaskMachine:
        config = self.config
        return TaskMachine(
            retries=config.retries,
            lost_retries=config.lost_retries,
            garbage_collect=config.garbage_collect,
            dependency_error=lambda task, failed: DependencyError([(e, name) for name, e in failed], task),
            join_type_error=_join_type_error,
            loss_error=lambda cause, losses: TaskLost(cause, losses) if config.lost_retries else cause,
            remember_first=self._memo.remembers_first,
        )

    def _open_submission(self) -> None:
        config = self.config
        self._preparation = Preparation(
            self.executors,
            self.dependency_resolver,
            self._memo,
            self._loop.post_all,
            post_news=self._loop.post_news,
            note=self.remembering.note,
            limited=config.max_outstanding_tasks is not None,
        )
        self.submission = Submission(
            self,
            self.executors,
            self._preparation,
            self._loop.post,
            config.std_autopath or self.default_std_autopath,
            config.max_outstanding_tasks,
        )

    def _made_effects(self) -> LiveEffects:
        return LiveEffects(
            sessions=self.executors,
            post_all=self._loop.post_all,
            complete=self._complete,
            prepare=self._prepare.put,
            watch=lambda row, targets: watch(row, targets, self._loop.post),
            record=self._record,
            remember=self.remembering.remember,
            release=self.remembering.release,
            failed=self._keep_failed,
        )

    def _open_internal(self) -> None:
        from parsl_like.executors.threads import ThreadPoolExecutor

        threads = ThreadPoolExecutor(
            label=INTERNAL,
            max_threads=self.config.internal_tasks_max_threads,
            thread_name_prefix="parsl-like-internal",
        )
        self._open_executor(threads.sealed())

    def _open_executor(self, description: ParslExecutor) -> None:
        """Open one executor, poll it, and get it blocks if it lives in some."""
        from parsl_like.dataflow.opening import executor_context, open_blocks

        context = executor_context(self, description)
        with files_in(self.run_dir):
            session = self.plugins.open_executor(description, context)
        self.executors[session.label] = session
        self._descriptions.append(description)
        self._loop.add_session(session)
        if hasattr(description, "attach"):
            description.attach(session)
        self.submission.forget_choices()
        if isinstance(session, ElasticSession):
            self._poller = open_blocks(self, description, session, self._poller)
            if self.health.watch(session):
                self._loop.add_session(self.health.stalls)  # type: ignore[arg-type]  # polled like one; runs nothing

    def add_executors(self, executors: Sequence[ParslExecutor]) -> None:
        """Add executors to the running kernel; apps that run on "all" may use them from now on.

        Raises:
            ConfigurationError: a label is taken, this version only describes such an executor, or a value is missing.
            NoDataFlowKernelError: after ``cleanup``.
        """
        from parsl_like.executors.legacy import as_executor

        for executor in executors:
            description = as_executor(executor).sealed()
            refuse_unbuilt(description)
            refuse_missing(description)
            if not self.is_open:
                raise NoDataFlowKernelError("The kernel was closed before an executor could be added.")
            if description.label in self.executors:
                raise ConfigurationError("executors", description.label, "a label that no running executor has")
            self._loop.call(partial(self._open_executor, description), timeout=120)

    # --- tasks ---------------------------------------------------------------------------------------------------

    def submit(
        self,
        func: Callable[..., Any],
        app_args: Sequence[Any] = (),
        executors: str | Sequence[str] = "all",
        cache: bool = False,
        ignore_for_cache: Sequence[str] | None = None,
        app_kwargs: Mapping[str, Any] | None = None,
        join: bool = False,
    ) -> AppFuture[Any]:
        """Make a task of a call, below the app decorators; returns at once.

        Raises:
            NoDataFlowKernelError: after ``cleanup``.
        """
        labels = executors if isinstance(executors, str) else tuple(executors)
        name = getattr(func, "__name__", type(func).__name__)
        app = AppSpec(name, func, labels, cache, tuple(ignore_for_cache or ()), join)
        return self.submit_call(app, tuple(app_args), dict(app_kwargs or {}))

    def submit_call(self, app: AppSpec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AppFuture[Any]:
        """Make a task of a call of an app; ``kwargs`` is taken over."""
        if not self.is_open:
            when = "in a fork of its kernel's process" if self.is_elsewhere else "after the kernel had been cleaned up"
            raise NoDataFlowKernelError(f"app {app.name} was called {when}.", hint="load a configuration first.")
        return self.submission.submit(app, args, kwargs)

    def cancel(self, future: AppFuture[Any]) -> bool:
        """Cancel a task of this kernel; True if it will not end by itself any more."""
        error = TaskCancelled(future.tid, future._name)
        self._loop.post((_CANCEL_REQUESTED, future.tid, error))
        with suppress(TimeoutError):  # the loop has ended, or is about to: the closing ends every future
            self._loop.call(lambda: None)
        return future.settled == CANCELLED

    def lift(self, future: AppFuture[Any], how: str, what: Any) -> AppFuture[Any]:
        """A future of an item or an attribute of another future's value."""
        return self.submit_call(lifted_spec(how, INTERNAL), (future, what), {})

    def wait_for_current_tasks(self) -> None:
        """Wait until every task submitted before this call has ended and its callbacks have been run.

        Those that they submit are not waited for. In a callback, or in the body of a join app, callbacks are not
        waited for either.

        Raises:
            NoDataFlowKernelError: in a process that was forked from the kernel's own.
        """
        if self.is_elsewhere:
            raise NoDataFlowKernelError("Tasks were waited for in a fork of their kernel's process.")
        try:
            for future in self._loop.call(self._live_futures):
                future.wait_published()
            self._wait_for_callbacks()
        except TimeoutError:
            if not self._loop.over:  # else every task has ended, or the closing is about to end it
                raise

    def _live_futures(self) -> list[AppFuture[Any]]:
        return [row.future for row in self.machine.rows.values() if row.phase not in FINAL_PHASES]

    def _wait_for_callbacks(self) -> None:
        """Wait for the callbacks of tasks that have ended: a marker follows them through the queue."""
        if is_service_thread():
            return
        self._loop.call(lambda: None)  # by now those of the last ends are in the queue
        marker: LazyFuture[Any] = LazyFuture()
        self._completion.put([(marker, (lambda _: marker.set_result(None),))])
        if not self._loop.over:  # the service outlives the loop, so the marker will be served
            marker.wait_published()

    def _complete(self, futures: list[AppFuture[Any]]) -> None:
        """Tell those who wait. On the owner thread, so callbacks are left to the completion thread."""
        owed = [due for future in futures for due in future.tell()]
        self.submission.settled(len(futures))
        if owed:
            self._completion.put(owed)

    def _record(self, raw: list[tuple[float, int, int, int, Any]]) -> None:
        self.recorder.put(raw)
        self._failures.note(raw, self._prepare.put)

    def _keep_failed(self, rows: list[TaskRow]) -> None:
        self._failures.ended(rows)
        if wanted := self._payloads.wanted(rows):
            self._prepare.put(partial(self._payloads.keep, wanted))
        self.remembering.failed(rows)

    def _crashed(self, error: BaseException, ended: Sequence[TaskRow]) -> None:
        """The owner thread is dead: end every future with the reason, take no more."""
        self.is_open = False
        self._closing.fail_everything(error, ended)

    def end_late_tasks(self) -> None:
        """End what was submitted while the kernel was being closed, unless the loop or the closing will."""
        if self._loop.over:
            self._closing.end_unread()

    def checkpoint(self, tasks: Sequence[int] | None = None) -> str | None:
        """Write the results of apps with ``cache=True`` that are not written yet, and wait until they are on disk.

        Args:
            tasks: Ids of the tasks whose results are to be written; None for all.

        Returns:
            The checkpoint's folder; None if nothing is remembered, or the program's own memoizer does that.
        """
        written: str | None = self._memo.checkpoint(tasks)
        return written

    # --- the end -------------------------------------------------------------------------------------------------

    def cleanup(self) -> None:
        """End everything that the kernel started. Every future ends: those of unfinished tasks as cancelled.

        Returns within 30 seconds, by force if need be. A second call waits for the first one and does nothing else. One
        in a process that was forked from the kernel's own does nothing: what runs belongs to the parent.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed meanwhile; raised when all is done, or at once by the second one.
        """
        if self.is_elsewhere:
            return
        with ENDING_SIGNALS.put_off():
            with self._cleanup_lock:
                first, self.cleanup_called = not self.cleanup_called, True
                if first:
                    self._closer = threading.get_ident()
            if first:
                self._clean_up()
            elif self._closer != threading.get_ident() and not is_service_thread():
                self._closed.wait(LONGEST_S)

    def _clean_up(self) -> None:
        self.is_open = False
        try:
            self._stack.close()
        finally:
            atexit.unregister(self._at_exit)
            ENDING_SIGNALS.detach(self)
            self.time_completed = datetime.now()
            self._closed.set()

    @property
    def is_elsewhere(self) -> bool:
        """Whether this is a copy, in a process that was forked from the kernel's own: nothing runs here."""
        return os.getpid() != self._pid

    def atexit_cleanup(self) -> None:
        """Clean up at the interpreter's end, if the program has not, or has not done with it."""
        if not self.is_elsewhere and not self._closed.is_set():
            if not self.cleanup_called:
                logger.warning("the program ended without cleaning up its kernel; doing so now")
                self.kept_blocks.program_failed = died_of_an_error()
            self.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Leave a ``with`` block as ``Config.exit_mode`` says: cleanup, wait (unless an exception came), or skip."""
        mode = self.config.exit_mode
        if mode == "skip":
            return
        if mode == "wait" and kind is None:
            self.wait_for_current_tasks()
        self.cleanup()

    def __repr__(self) -> str:
        return f"<DataFlowKernel run {self.run_id} in {self.run_dir}, {'open' if self.is_open else 'closed'}>"


def _described(config: object) -> Config:
    """What to run on; the standard configuration for None.

    Raises:
        ConfigurationError: it is no Config.
    """
    if config is None:
        return Config()
    if isinstance(config, Config):
        return config
    given = "the class Config itself" if config is Config else f"an object of type {type(config).__name__}"
    raise ConfigurationError(f"A Config is expected; given was {given}.", hint="write Config(executors=[...]).")


def _argv() -> tuple[str, ...]:
    import sys

    return tuple(sys.argv)


def _join_type_error(name: str, value: Any) -> TypeError:
    shown = type(value).__name__
    if isinstance(value, list | tuple):
        wrong = next((item for item in value if not hasattr(item, "add_done_callback")), None)
        shown = f"{shown} that holds a {type(wrong).__name__}"
    return TypeError(f"join_app body of {name} must return a Future or a list of Futures, got {shown}")


def _call_weakly(kernel: DataFlowKernel) -> Callable[[], None]:
    """A function for atexit that does not keep the kernel alive."""
    ref = weakref.ref(kernel)

    def end() -> None:
        live = ref()
        if live is not None:
            live.atexit_cleanup()

    return end
