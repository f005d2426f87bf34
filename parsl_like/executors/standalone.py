"""An executor run by hand: ``start``, ``submit`` and ``shutdown`` on a description, without a kernel.

One thread owns the session and does for it what a kernel's owner thread does: it hands over what callers put into the
inbox, pumps, and settles plain futures. Nothing is retried: a lost attempt fails with the cause of its loss.
"""

from __future__ import annotations

import itertools
import logging
import math
import os
import selectors
import socket
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from parsl_like.clocks import SystemClock
from parsl_like.core.ids import ExecutorLabel, TaskId
from parsl_like.core.ports import ExecutorSession, RunContext, RunInfo
from parsl_like.errors import ExecutorError
from parsl_like.executors.attempts import AttemptMaker
from parsl_like.executors.outcomes import value_or_raise
from parsl_like.executors.standalone_blocks import Blocks
from parsl_like.folders import private_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.core.events import RawEvent
    from parsl_like.core.records import Record
    from parsl_like.core.task import TaskRow
    from parsl_like.executors.base import ParslExecutor

logger = logging.getLogger(__name__)


class SessionPump:
    """A thread that owns one executor session and settles a future for each attempt.

    Args:
        name: The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._inbox: deque[tuple[TaskRow, Future[Any]]] = deque()
        self._deferred: deque[Callable[[], Sequence[RawEvent]]] = deque()
        self._pending: dict[int, Future[Any]] = {}
        self._asleep = False
        self._stopping = False
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._name = name
        self._session: ExecutorSession | None = None
        self._thread: threading.Thread | None = None

    def start(self, session: ExecutorSession) -> None:
        """Begin to serve a session."""
        self._session = session
        self._thread = threading.Thread(target=self._run, args=(session,), name=self._name, daemon=True)
        self._thread.start()

    def put(self, row: TaskRow, future: Future[Any]) -> None:
        """Hand over a call; any thread may."""
        self._inbox.append((row, future))
        self.wake()

    def defer(self, work: Callable[[], Sequence[RawEvent]]) -> None:
        """Run something between two looks at the session, and take the events it gives; any thread may ask for it."""
        self._deferred.append(work)
        self.wake()

    def wake(self) -> None:
        """End the thread's sleep, if it sleeps; cheap, from any thread."""
        if self._asleep:
            self._asleep = False
            try:
                self._sender.send(b"x")
            except OSError:  # full: it is being woken already; closed: it has ended
                return

    def stop(self, deadline: float, reason: ExecutorError) -> bool:
        """Close the session, fail what has not ended, end the thread; True if all that was done in time."""
        self._stopping = True
        self._asleep = True  # a wake-up that is not needed does no harm, one that is missing would
        self.wake()
        ended = True
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join(max(0.0, deadline - time.monotonic()))
            ended = not self._thread.is_alive()
        if self._session is not None:
            self._session.close(deadline=deadline)
        left = [*self._pending.values(), *(future for _, future in self._inbox)]
        self._pending.clear()
        self._inbox.clear()
        for future in left:
            with suppress(InvalidStateError):  # it ended, or was cancelled, after all
                future.set_exception(reason)
        self._receiver.close()
        self._sender.close()
        return ended

    # --- on the thread -------------------------------------------------------------------------------------------

    def _run(self, session: ExecutorSession) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                for fd in (self._receiver.fileno(), *session.fds()):
                    selector.register(fd, selectors.EVENT_READ)
                while not self._stopping:
                    if not self._pass(session):
                        self._sleep(selector, session)
        except Exception as error:  # the thread's root: whoever waits for a future must hear of it
            logger.exception("the pump of executor %s failed", session.label)
            for future in list(self._pending.values()):
                future.set_exception(ExecutorError(session.label, f"its pump failed: {error!r}"))
            self._pending.clear()

    def _pass(self, session: ExecutorSession) -> bool:
        """Move everything that is there to be moved; False if there was nothing."""
        rows = []
        while self._inbox:
            row, future = self._inbox.popleft()
            if future.set_running_or_notify_cancel():
                self._pending[row.attempt_id] = future
                rows.append(row)
        if rows:
            session.submit(rows)
        events = list(session.pump())
        while self._deferred:
            events += self._deferred.popleft()()
        for event in events:
            future_of = self._pending.pop(event[1], None)
            if future_of is not None:
                _settle(future_of, event)
        return bool(rows or events)

    def _sleep(self, selector: selectors.BaseSelector, session: ExecutorSession) -> None:
        self._asleep = True
        if self._inbox or self._stopping or self._pass(session):  # came before the flag could be seen
            self._asleep = False
            return
        due = session.deadline()
        selector.select(None if due == math.inf else max(0.0, due - time.monotonic()))
        self._asleep = False
        try:
            while len(self._receiver.recv(4096)) == 4096:
                pass
        except BlockingIOError:
            return


def _settle(future: Future[Any], event: Any) -> None:
    try:
        value = value_or_raise(event)
    except BaseException as error:  # noqa: BLE001 - whatever the task raised is the future's
        future.set_exception(error)
    else:
        future.set_result(value)


class StandaloneRun:
    """A run with one executor and no kernel.

    Args:
        executor: The description as the user holds it; it answers questions while this runs.
        description: What to open, sealed.
        with_blocks: Whether it gets the blocks it lives in itself; else whoever opened it does.

    Raises:
        ConfigurationError: nobody can open the description.
        ExecutorError: the executor cannot be started.
        ExecutionProviderException: its provider cannot give a block.
    """

    def __init__(self, executor: ParslExecutor, description: ParslExecutor, *, with_blocks: bool = True) -> None:
        from parsl_like.plugins.manager import PluginManager  # opening needs the plugins, building does not

        self.description = description
        self._executor = executor
        self._plugins = PluginManager()
        self._numbers = itertools.count()
        self._pump = SessionPump(f"parsl-like-{description.label}-pump")
        run = RunInfo(
            run_id=executor.run_id or str(uuid.uuid4()),
            run_dir=os.path.abspath(executor.run_dir),
            started=time.time(),
            argv=tuple(sys.argv),
        )
        with ExitStack() as undo:
            undo.callback(self._pump.stop, time.monotonic(), ExecutorError(description, "it could not be started."))
            context = run_context(run, description, self._pump)
            self.session = self._plugins.open_executor(description, context)
            self._attempts = AttemptMaker(self.session)
            self._pump.start(self.session)
            self.blocks = Blocks.of(description, self.session, self._plugins, context) if with_blocks else None
            if self.blocks is not None:
                undo.callback(self.blocks.close)
                self.blocks.scale_out(self.blocks.initial)
            executor.attach(self.session)
            undo.pop_all()

    def submit(
        self,
        func: Callable[..., Any],
        resources: Mapping[str, Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Future[Any]:
        """The future of one call.

        Raises:
            SerializationError: the function or an argument cannot be sent.
        """
        row = self._attempts.make(TaskId(next(self._numbers)), func, args, kwargs, resources)
        future: Future[Any] = Future()
        self._pump.put(row, future)
        return future

    def close(self, timeout: float) -> bool:
        """End everything within ``timeout`` seconds; what has not ended by then fails. True if it all ended in time."""
        deadline = time.monotonic() + timeout
        self._executor.detach(self.session)
        ended = self._pump.stop(deadline, ExecutorError(self.description, "it was shut down before the task ended."))
        if self.blocks is not None:
            self.blocks.close()
        return ended


def run_context(run: RunInfo, description: ParslExecutor, pump: SessionPump) -> RunContext:
    """What a session is opened with when there is no kernel; records are dropped.

    An executor that starts processes gets a directory for their logs; others leave no trace where the program runs.
    """
    directory = run.run_dir
    if getattr(description, "provider", None) is not None:
        directory = os.path.join(directory, description.label)
        private_folder(directory)
    return RunContext(run, ExecutorLabel(description.label), directory, pump.wake, pump.defer, _drop, SystemClock())


def _drop(record: Record) -> None:
    """There is nobody to keep it for."""
