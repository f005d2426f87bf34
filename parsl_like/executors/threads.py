"""Threads of this process as an executor: no processes, no serialisation, values passed by reference.

Python code on a thread cannot be ended. A thread whose task is not waited for any more, because it was cancelled or
does not heed its walltime, is stuck: it is counted, and another one takes its place.
"""

from __future__ import annotations

import heapq
import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from parsl_like.core.ids import task_of
from parsl_like.core.limits import ExecutorLoad
from parsl_like.core.records import Record
from parsl_like.errors import AppTimeout, ExecutorError, InvalidResourceSpecification
from parsl_like.executors.arguments import spelled
from parsl_like.executors.base import DescribedSession, ParslExecutor
from parsl_like.executors.fields import expect_text, expect_whole, own_lists
from parsl_like.executors.outcomes import SUCCEEDED, failure, refusal
from parsl_like.plugins.markers import hookimpl
from parsl_like.remote.news import listen

if TYPE_CHECKING:
    from parsl_like.core.events import RawEvent
    from parsl_like.core.ids import AttemptId
    from parsl_like.core.ports import Attempt, ExecutorSession, RunContext

logger = logging.getLogger(__name__)

GRACE_S = 5.0
"""Seconds that a task may take beyond its walltime to notice it, before nobody waits for it any more."""

MOST_STUCK = 100
"""So many stuck threads are replaced by others; what is submitted beyond that waits until one of them comes back."""


class _Place:
    """A thread of the executor, and what it does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.thread: threading.Thread
        self.attempt: int | None = None
        self.stuck_since: float | None = None
        """When nobody waited for its task any more, in seconds since the epoch."""


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
        self._record = context.record
        self._wall = context.clock.wall
        self._monotonic = context.clock.monotonic
        self._backlog = Backlog()
        self._idle: deque[None] = deque()
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._done: deque[RawEvent] = deque()
        self._signalled = False
        self._cancelled: set[int] = set()
        self._dropped: deque[int] = deque()
        self._submitted = 0
        self._returned = 0
        self._places: list[_Place] = []
        self._names = 0
        self._limited: dict[int, tuple[float, float]] = {}
        self._stopping: list[threading.Thread] = []
        self._returning = threading.Lock()
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
        if self._limited:
            self._give_up_overdue()
        if not done:
            return ()
        take = done.popleft
        events = [take() for _ in range(len(done))]
        self._returned += len(events)
        if self._cancelled:
            self._forget_cancelled(events)
        return events

    def deadline(self) -> float:
        """When a task has exceeded its walltime and its grace."""
        return min([end for end, _ in tuple(self._limited.values())], default=math.inf)

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Queue attempts and rouse, or start, as many threads as they need."""
        self._submitted += len(attempts)
        if self._closed:
            self._refuse(attempts, ExecutorError(self.label, "it has been closed."))
            return
        if any([attempt.resources for attempt in attempts]):  # noqa: C419 - a list is faster
            attempts = [attempt for attempt in attempts if self._heeds(attempt)]
        self._backlog.add(attempts)
        self._rouse()

    def _rouse(self) -> None:
        """Have as many threads work as there is work for."""
        wanted = len(self._backlog)
        while wanted > 0:
            try:
                self._idle.pop()
            except IndexError:
                break
            self._tokens.put(None)
            wanted -= 1
        stuck = min(len(self._stuck()), MOST_STUCK)
        for _ in range(min(wanted, self._limit + stuck - len(self._places))):
            if not self._start_thread():
                break

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Attempts that have not begun never will; commands are ended; other code goes on, and nobody hears of it."""
        self._cancelled.update(attempts)
        for place in tuple(self._places):
            if place.attempt in self._cancelled and place.stuck_since is None:
                self._limited.pop(place.attempt, None)
                self._stop_commands(place)
                self._leave_alone(place)
        self._rouse()

    def load(self) -> ExecutorLoad:
        """What there is to do."""
        outstanding = self._submitted - self._returned - len(self._dropped)
        return ExecutorLoad(self.label, max(0, outstanding), self._limit, self._limit)

    def close(self, *, deadline: float) -> None:
        """Drop what has not begun and wait for the threads; one that is still in a task then ends with the process."""
        self._closed = True
        self._signalled = True  # nobody is to be woken any more
        self._backlog.clear()
        places = tuple(self._places)
        for place in places:
            self._tokens.put(None)
            self._stop_commands(place)
        stuck = []
        for thread in (*(place.thread for place in places), *self._stopping):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
                if thread.is_alive():
                    stuck.append(thread.name)
        self._places = []
        self._stopping = []
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

    def health(self) -> dict[str, Any]:
        """How many threads are stuck in tasks that nobody waits for any more, and since when the first of them."""
        since = [place.stuck_since for place in self._stuck() if place.stuck_since is not None]
        return {"stuck": len(since), "stuck_since": min(since, default=None)}

    def has_begun(self, attempt: AttemptId) -> bool:
        """Whether a thread runs an attempt."""
        return any(place.attempt == attempt for place in tuple(self._places))

    def unstoppable(self) -> set[int]:
        """Attempts in code that nobody can end, on other threads than the caller's; commands can be ended."""
        bash = sys.modules.get("parsl_like.remote.bash")
        here = threading.get_ident()
        return {
            place.attempt
            for place in tuple(self._places)
            if place.attempt is not None
            and place.stuck_since is None
            and place.thread.ident != here
            and (bash is None or bash.ending(place.thread.ident) is None)
        }

    def _stuck(self) -> list[_Place]:
        return [place for place in tuple(self._places) if place.stuck_since is not None]

    def _leave_alone(self, place: _Place) -> None:
        """Wait for what a thread does no more."""
        place.stuck_since = self._wall()

    def _give_up_overdue(self) -> None:
        now = self._monotonic()
        for attempt, (end, walltime) in tuple(self._limited.items()):
            if now < end or self._limited.pop(attempt, None) is None:
                continue  # it has time left, or has just come back
            place = next(place for place in self._places if place.attempt == attempt)
            self._leave_alone(place)
            text = (
                f"The task exceeded its walltime of {walltime} s and did not stop; thread {place.name} is stuck in it"
            )
            logger.warning("executor %s: attempt %d: %s", self.label, attempt, text)
            hint = "run code that does not return on worker processes (HighThroughputExecutor): those can be ended."
            self._done.append(failure(attempt, AppTimeout(text, hint=hint)))
            self._rouse()

    def _stop_commands(self, place: _Place) -> None:
        """End the commands of bash apps that run on a thread, on another one: that may take a moment."""
        bash = sys.modules.get("parsl_like.remote.bash")  # not there, no command runs
        ending = bash.ending(place.thread.ident) if bash is not None else None
        if ending is not None:
            self._stopping = [thread for thread in self._stopping if thread.is_alive()]
            self._stopping.append(threading.Thread(target=ending, name=f"{place.name}-stop", daemon=True))
            self._stopping[-1].start()

    def _start_thread(self) -> bool:
        """One more thread; False if the system gives none. Without any, what waits fails, for nobody would run it."""
        place = _Place(f"{self._prefix}_{self._names}")
        place.thread = threading.Thread(target=self._work, args=(place,), name=place.name, daemon=True)
        listen(partial(self._tell, place), place.thread)
        self._places.append(place)
        try:
            place.thread.start()
        except RuntimeError as error:
            self._places.remove(place)
            count = len(self._places)
            logger.warning("executor %s has %d thread(s) and cannot start another: %s", self.label, count, error)
            refused = ExecutorError(self.label, f"no thread could be started: {error}.")
            if count == len(self._stuck()):
                self._refuse(list(iter(self._backlog.take, None)), refused)
            return False
        self._names += 1
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

    def _work(self, place: _Place) -> None:
        take, done, wall, cancelled = self._backlog.take, self._done, self._wall, self._cancelled
        while True:
            attempt = take()
            if attempt is None:
                if self._rest():
                    continue
                return
            identity = attempt.attempt_id
            place.attempt = identity
            if cancelled and identity in cancelled:
                self._dropped.append(identity)
                continue
            walltime = attempt.walltime
            if walltime is not None:
                self._note_limit(identity, walltime)
            started = wall()
            try:
                kwargs = attempt.kwargs
                value = attempt.function(*attempt.args, **kwargs) if kwargs else attempt.function(*attempt.args)
                event: RawEvent = (SUCCEEDED, identity, (value, (started, wall(), place.name)))
            except BaseException as error:  # noqa: BLE001 - user code may raise anything, and its thread lives on
                event = failure(identity, _from_the_task(error), (started, wall(), place.name))
            if walltime is None or self._limited.pop(identity, None) is not None or place.stuck_since is None:
                done.append(event)
                if not self._signalled:
                    self._signalled = True
                    self._wake()
            # A thread that waits must not keep anything of its last task alive: even a number keeps a crowd's memory.
            attempt = identity = started = kwargs = value = event = place.attempt = None  # type: ignore[assignment]
            if place.stuck_since is not None and not self._come_back(place):
                return

    def _tell(self, place: _Place, kind: str, subject: str, facts: Mapping[str, Any]) -> None:
        """A task says something for the records."""
        if (attempt := place.attempt) is not None:
            fields = {**facts, "task": task_of(attempt), "executor": str(self.label)}
            self._record(Record(kind, self._wall(), subject, fields))

    def _note_limit(self, attempt: int, walltime: float) -> None:
        self._limited[attempt] = (self._monotonic() + walltime + GRACE_S, walltime)
        self._wake()  # the owner may sleep without knowing this deadline

    def _come_back(self, place: _Place) -> bool:
        """Whether a thread that was stuck goes on; it ends if another one has its place."""
        with self._returning:
            if len(self._places) - len(self._stuck()) < self._limit:
                place.stuck_since = None
                return True
            with suppress(ValueError):  # the session was closed meanwhile
                self._places.remove(place)
            return False

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
