"""Threads of this process as an executor: no processes, no serialisation, values passed by reference."""

from __future__ import annotations

import heapq
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from parsl_like.core.limits import ExecutorLoad
from parsl_like.errors import ExecutorError, InvalidResourceSpecification
from parsl_like.executors.arguments import spelled
from parsl_like.executors.base import DescribedSession, ParslExecutor
from parsl_like.executors.fields import expect_text, expect_whole, own_lists
from parsl_like.executors.outcomes import SUCCEEDED, failure, refusal
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from parsl_like.core.events import RawEvent
    from parsl_like.core.ids import AttemptId
    from parsl_like.core.ports import Attempt, ExecutorSession, RunContext

logger = logging.getLogger(__name__)


@spelled({"managed": None})
@dataclass
class ThreadPoolExecutor(ParslExecutor):
    """Runs tasks on threads of the program itself.

    Threads are started when there is work for them. Tasks see the program's own objects, and share its interpreter
    lock: good for waiting, for short functions, and for libraries that release the lock.
    """

    label: str = field(default="threads", metadata={"help": "The executor's name, unique within a Config."})
    max_threads: int | None = field(
        default=2, metadata={"help": "Most tasks at once; None for four more than there are processors, up to 32."}
    )
    thread_name_prefix: str | None = field(
        default=None, metadata={"help": "What the threads' names begin with; None or '' for the label."}
    )
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    working_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where staged files are put; None for the program's own directory."}
    )
    remote_monitoring_radio: Any = field(
        default=None, metadata={"help": "How measurements of tasks come back; None for the executor's own way."}
    )

    resource_keys: ClassVar[frozenset[str]] = frozenset({"priority"})

    def __post_init__(self) -> None:
        own_lists(self)

    def check(self) -> None:
        """Refuse, in addition, a number of threads that is none."""
        super().check()
        expect_whole(self, "max_threads", least=1, optional=True)
        expect_text(self, "thread_name_prefix", optional=True)


class ThreadPoolSession(DescribedSession):
    """Running threads, fed through one backlog, whose results wait until the owner pumps.

    The owner is woken at most once between two pumps. An idle thread waits for a token; whoever adds work gives out a
    token for each thread that has said it is idle, so that no work is left while a thread sleeps.

    Args:
        description: The sealed description.
        context: The run.
    """

    wants: Literal["objects", "bytes"] = "objects"

    def __init__(self, description: ThreadPoolExecutor, context: RunContext) -> None:
        super().__init__(description, run_dir=context.run.run_dir, run_id=context.run.run_id)
        self.label = context.label
        self._limit = description.max_threads or min(32, (os.cpu_count() or 1) + 4)
        self._prefix = description.thread_name_prefix or str(context.label)
        self._wake = context.wake
        self._wall = context.clock.wall
        self._backlog = Backlog()
        self._idle: deque[None] = deque()
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._done: deque[RawEvent] = deque()
        self._signalled = False
        self._cancelled: set[int] = set()
        self._dropped: deque[int] = deque()
        self._submitted = 0
        self._returned = 0
        self._threads: list[threading.Thread] = []
        self._closed = False

    # --- by the owner --------------------------------------------------------------------------------------------

    def fds(self) -> Sequence[int]:
        """None: results are announced through the context's ``wake``."""
        return ()

    def pump(self) -> Sequence[RawEvent]:
        """All that has ended since the last call."""
        # The flag falls before the results are taken: whoever adds one later wakes the owner again.
        self._signalled = False
        done = self._done
        if not done:
            return ()
        take = done.popleft
        events = [take() for _ in range(len(done))]
        self._returned += len(events)
        if self._cancelled:
            self._forget_cancelled(events)
        return events

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Queue attempts and rouse, or start, as many threads as they need."""
        self._submitted += len(attempts)
        if self._closed:
            self._refuse(attempts, ExecutorError(self.label, "it has been closed."))
            return
        if any([attempt.resources for attempt in attempts]):  # noqa: C419 - a list is faster
            attempts = [attempt for attempt in attempts if self._heeds(attempt)]
        self._backlog.add(attempts)
        wanted = len(self._backlog)
        while wanted > 0:
            try:
                self._idle.pop()
            except IndexError:
                break
            self._tokens.put(None)
            wanted -= 1
        for _ in range(min(wanted, self._limit - len(self._threads))):
            if not self._start_thread():
                break

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Attempts that have not begun never will; those that run go on, and nobody hears of them."""
        self._cancelled.update(attempts)

    def load(self) -> ExecutorLoad:
        """What there is to do."""
        outstanding = self._submitted - self._returned - len(self._dropped)
        return ExecutorLoad(self.label, max(0, outstanding), self._limit, self._limit)

    def close(self, *, deadline: float) -> None:
        """Drop what has not begun and wait for the threads; one that is still in a task then ends with the process."""
        self._closed = True
        self._signalled = True  # nobody is to be woken any more
        self._backlog.clear()
        for _ in self._threads:
            self._tokens.put(None)
        stuck = []
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
                if thread.is_alive():
                    stuck.append(thread.name)
        self._threads = []
        if stuck:
            logger.warning(
                "executor %s is closed while %s still run(s) a task; it cannot be stopped and ends with the program",
                self.label,
                ", ".join(stuck),
            )

    # --- questions programs ask ----------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        """Tasks submitted and not yet finished."""
        return self.load().outstanding

    def _start_thread(self) -> bool:
        """One more thread; False if the system gives none. Without any, what waits fails, for nobody would run it."""
        name = f"{self._prefix}_{len(self._threads)}"
        thread = threading.Thread(target=self._work, args=(name,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            logger.warning(
                "executor %s has %d thread(s) and cannot start another: %s", self.label, len(self._threads), error
            )
            refused = ExecutorError(self.label, f"no thread could be started: {error}.")
            if not self._threads:
                self._refuse(list(iter(self._backlog.take, None)), refused)
            return False
        self._threads.append(thread)
        return True

    def _heeds(self, attempt: Attempt) -> bool:
        """Whether an attempt asks for nothing that threads cannot give; one that does is refused."""
        try:
            self.description.validate_resource_spec(attempt.resources)
        except InvalidResourceSpecification as error:
            self._refuse([attempt], error)
            return False
        return True

    def _refuse(self, attempts: Sequence[Attempt], error: ExecutorError) -> None:
        self._done.extend(refusal(attempt.attempt_id, error) for attempt in attempts)
        self._announce()

    def _announce(self) -> None:
        if not self._signalled:
            self._signalled = True
            self._wake()

    def _forget_cancelled(self, events: Iterable[RawEvent]) -> None:
        self._cancelled.difference_update(event[1] for event in events)
        while self._dropped:
            self._cancelled.discard(self._dropped.popleft())
            self._returned += 1
        if self._returned == self._submitted:
            self._cancelled.clear()

    # --- on the threads ------------------------------------------------------------------------------------------

    def _work(self, place: str) -> None:
        take, done, wall, cancelled = self._backlog.take, self._done, self._wall, self._cancelled
        while True:
            attempt = take()
            if attempt is None:
                if self._rest():
                    continue
                return
            identity = attempt.attempt_id
            if cancelled and identity in cancelled:
                self._dropped.append(identity)
                continue
            started = wall()
            try:
                kwargs = attempt.kwargs
                value = attempt.function(*attempt.args, **kwargs) if kwargs else attempt.function(*attempt.args)
                event: RawEvent = (SUCCEEDED, identity, (value, (started, wall(), place)))
            except BaseException as error:  # noqa: BLE001 - user code may raise anything, and its thread lives on
                event = failure(identity, _from_the_task(error), (started, wall(), place))
            done.append(event)
            if not self._signalled:
                self._signalled = True
                self._wake()
            # A thread that waits must not keep the last task's arguments and result alive.
            attempt = kwargs = value = event = None  # type: ignore[assignment]

    def _rest(self) -> bool:
        """Wait for work; False once the session is closed."""
        self._idle.append(None)
        if len(self._backlog):  # added before this thread could be seen to be idle
            try:
                self._idle.pop()
            except IndexError:
                pass  # somebody has seen it: a token is on its way
            else:
                return True
        if self._closed:
            return False
        self._tokens.get()
        return not self._closed


class Backlog:
    """Attempts that wait for a thread, first come, first served, until one has a priority. One thread adds to it."""

    def __init__(self) -> None:
        self._queue: deque[Attempt] = deque()
        self._ranked: list[tuple[float, int, Attempt]] = []
        self._lock = threading.Lock()
        self._count = 0

    def __len__(self) -> int:
        return len(self._queue) + len(self._ranked)

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Take attempts over; those with lower priority go first, equal ones in order."""
        if not self._ranked and not any([attempt.priority for attempt in attempts]):  # noqa: C419 - a list is faster
            self._queue.extend(attempts)
            return
        with self._lock:
            while (waiting := self._first_queued()) is not None:
                self._rank(waiting)
            for attempt in attempts:
                self._rank(attempt)

    def take(self) -> Attempt | None:
        """The next one; None if there is none."""
        if self._ranked:
            with self._lock:
                if self._ranked:
                    return heapq.heappop(self._ranked)[2]
        return self._first_queued()

    def clear(self) -> None:
        """Drop them all."""
        with self._lock:
            self._queue.clear()
            self._ranked.clear()

    def _first_queued(self) -> Attempt | None:
        try:
            return self._queue.popleft()
        except IndexError:
            return None

    def _rank(self, attempt: Attempt) -> None:
        self._count += 1
        heapq.heappush(self._ranked, (attempt.priority, self._count, attempt))


def _from_the_task(error: BaseException) -> BaseException:
    """The error with a traceback that begins in the user's function."""
    trace = error.__traceback__
    return error.with_traceback(trace.tb_next) if trace is not None and trace.tb_next is not None else error


@hookimpl
def parsl_like_executor_types() -> Mapping[str, type[ParslExecutor]]:
    """The executor this module brings."""
    return {"ThreadPoolExecutor": ThreadPoolExecutor}


@hookimpl
def parsl_like_open_executor(description: ParslExecutor, context: RunContext) -> ExecutorSession | None:
    """A session for a ThreadPoolExecutor."""
    return ThreadPoolSession(description, context) if isinstance(description, ThreadPoolExecutor) else None
