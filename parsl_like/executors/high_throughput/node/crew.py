"""What goes on on a node: attempts come in, workers run them, results go to the outbox. Knows nothing of sockets."""

from __future__ import annotations

import logging
from collections import deque
from itertools import islice
from time import time
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import number_of
from parsl_like.errors import AppTimeout, BadMessage, WorkerLost
from parsl_like.executors.high_throughput.node.dispatch import Dispatch
from parsl_like.executors.high_throughput.node.dispatch_events import (
    CancelAsked,
    Give,
    Kill,
    NothingNew,
    PipeFull,
    ResultsArrived,
    Returned,
    TakeBack,
    TakenBack,
    TasksArrived,
    TimePassed,
    Withdrawn,
    WorkerGone,
    WorkerReady,
)
from parsl_like.executors.high_throughput.node.functions import Parked
from parsl_like.executors.high_throughput.node.lifetime import Lifetime
from parsl_like.executors.high_throughput.node.pipe import (
    NEWS,
    READY,
    ResultPacket,
    encode_item,
    pack_refusal,
    pack_task,
)
from parsl_like.executors.high_throughput.protocol import OUTCOME_FAILURE, OUTCOME_LOST
from parsl_like.serialize.failures import pack_failure
from parsl_like.serialize.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.executors.high_throughput.node.dispatch_events import Effect, Event
    from parsl_like.executors.high_throughput.node.outbox import Outbox
    from parsl_like.executors.high_throughput.node.pipe import Parcel
    from parsl_like.executors.high_throughput.node.workers import Death, WorkerPool
    from parsl_like.executors.high_throughput.protocol import Function, TaskItem

logger = logging.getLogger("parsl_like.manager")

REMEMBERED = 10_000
"""How many cancelled attempts are remembered that have not come: a cancellation may overtake its task."""

EVERYTHING = 1 << 30

NO_TIME = "its block ends before it would"


class Crew:
    """The workers of a node and what they have to do. ``now`` is in monotonic seconds.

    Args:
        pool: The worker processes.
        outbox: Takes the results.
        hostname: The node, for errors.
        prefetch: How many attempts to want beyond those that run; None adapts.
        life: When the node ends, and what it has to know for that; None if it goes on for ever.
    """

    def __init__(
        self, pool: WorkerPool, outbox: Outbox, hostname: str, prefetch: int | None, life: Lifetime | None = None
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._hostname = hostname
        self._life = life = life or Lifetime(0.0)
        self._long = life.least
        self._dispatch = Dispatch(len(pool), prefetch, life.latest)
        self._parked = Parked()
        self._parcels: dict[int, Parcel] = {}
        self._killed: dict[int, Kill] = {}
        self._forbidden: dict[int, None] = {}
        self._doubtful: frozenset[int] = frozenset()
        self._cancelled: list[int] = []
        self._stopped = False

    # --- questions

    def __len__(self) -> int:
        """How many attempts are held."""
        return len(self._dispatch) + len(self._parked)

    def held(self) -> list[int]:
        """Every attempt that has come and has not been reported."""
        return self._dispatch.held() + self._parked.attempts()

    def lacking(self) -> list[bytes]:
        """The functions that attempts wait for."""
        return self._parked.functions()

    def running(self) -> list[int]:
        """The attempts that have begun."""
        begun = (self._pool.cells.read(number) for number in range(len(self._pool)))
        return [attempt for attempt in begun if attempt in self._dispatch]

    def ages(self, now: float) -> dict[int, float]:
        """For how many seconds the attempts have run that may have begun."""
        return {attempt: round(now - since, 3) for attempt, since in self._dispatch.begun().items()}

    def capacity(self) -> int:
        """How many attempts are wanted."""
        return self._dispatch.capacity()

    def deadline(self) -> float | None:
        """When :meth:`keep_up` is due, None if it is not."""
        times = (self._dispatch.deadline(), self._pool.deadline())
        return min((when for when in times if when is not None), default=None)

    def take_cancelled(self) -> list[int]:
        """The attempts that have been stopped since the last call."""
        cancelled, self._cancelled = self._cancelled, []
        return cancelled

    # --- what comes from outside

    def take_function(self, function: Function, now: float) -> None:
        """Keep a function, and let the attempts go on that waited for it."""
        self._pool.functions.put(function.hash, function.blob)
        if pairs := self._parked.release(function.hash):
            buffers = [part for _, parts in pairs for part in parts]
            self._feed(TasksArrived([item for item, _ in pairs], now, buffers))

    def take_tasks(self, items: Sequence[TaskItem], buffers: Sequence[Any], now: float) -> set[bytes]:
        """Take attempts, each once; gives the hashes of functions that are missing.

        Raises:
            BadMessage: if the items count other buffers than there are.
        """
        place = self._pool.functions.place
        missing = {digest for digest in {item.function for item in items} if place(digest) is None}
        attempts = [item.attempt for item in items]
        unwanted = (self._forbidden.keys(), self._doubtful, self._parked.attempts())
        if missing or self._dispatch.holds_any(attempts) or not all(map(set(attempts).isdisjoint, unwanted)):
            items, buffers = self._sift(items, buffers, missing)
        if items:
            self._feed(TasksArrived(items, now, buffers))
        return missing

    def _sift(
        self, items: Sequence[TaskItem], buffers: Sequence[Any], missing: set[bytes]
    ) -> tuple[list[TaskItem], list[Any]]:
        """Leave out what has come before and what was cancelled, park what has no function yet."""
        counted = sum(item.buffers for item in items)
        if counted != len(buffers):
            raise BadMessage(f"tasks that count {counted} buffers came with {len(buffers)}")
        left: list[TaskItem] = []
        left_buffers: list[Any] = []
        following = iter(buffers)
        here = set(self._parked.attempts()).union(self._doubtful)
        for item in items:
            parts = list(islice(following, item.buffers))
            if item.attempt in self._forbidden:
                del self._forbidden[item.attempt]
            elif item.attempt in self._dispatch or item.attempt in here:
                continue
            elif item.function in missing:
                self._parked.park(item, parts)
            else:
                left.append(item)
                left_buffers += parts
        return left, left_buffers

    def take_nothing_new(self, now: float) -> None:
        """Hand back what no worker has begun; it would not end in time."""
        if parked := self._parked.attempts():
            self._parked.remove(set(parked))
            self._return(parked)
        self._feed(NothingNew(now))

    def doubt(self, attempts: frozenset[int]) -> None:
        """Results of these are kept for sending again: should they come again as tasks, they are not run again."""
        self._doubtful = attempts

    def hand_back(self, items: Sequence[TaskItem], reason: str) -> None:
        """Report attempts as not begun."""
        self._return([item.attempt for item in items], reason)

    def _return(self, attempts: Sequence[int], reason: str = NO_TIME) -> None:
        self._outbox.add([self._result(attempt, OUTCOME_LOST, reason.encode(), 0) for attempt in attempts])

    def cancel(self, attempts: Sequence[int], now: float) -> None:
        """Stop attempts; :meth:`take_cancelled` says when it is done. Those not held are forbidden to come."""
        asked = set(attempts)
        parked = self._parked.remove(asked)
        here = {attempt for attempt in asked if attempt in self._dispatch}
        absent = asked - here - set(parked)
        self._cancelled += [*parked, *sorted(absent)]
        self._forbidden.update(dict.fromkeys(absent))
        while len(self._forbidden) > REMEMBERED:
            del self._forbidden[next(iter(self._forbidden))]
        if here:
            self.collect(now)
            self._feed(CancelAsked(here, now))
            reported = {attempt for attempt in here if attempt not in self._dispatch} - set(self._cancelled)
            self._cancelled += sorted(reported)

    # --- what comes from workers

    def collect(self, now: float) -> None:
        """Take everything that workers have reported."""
        for number, results in self._pool.results():
            self._take(number, results, now)
        if not len(self):
            self._pool.functions.forget_if_large()

    def _take(self, number: int, results: list[ResultPacket], now: float) -> None:
        if results and results[0].attempt == READY:
            del results[0]
            self._pool.mark_ready(number)
            self._feed(WorkerReady(number, now))
        if not results:
            return
        results = [result if result.item else self._unreadable(number, result) for result in results]
        killed = self._killed.get(number)
        if killed is not None and killed.reason == "cancelled":
            self._outbox.add([result for result in results if result.attempt != killed.attempt])
        else:
            self._outbox.add(results)
        seconds = sum([result.seconds for result in results])
        if seconds >= self._long:
            self._note_long(results, now)
        attempts = [result.attempt for result in results]
        if NEWS in attempts:
            attempts = [attempt for attempt in attempts if attempt != NEWS]
        if attempts:
            self._feed(ResultsArrived(number, attempts, seconds, now))

    def _note_long(self, results: Sequence[ResultPacket], now: float) -> None:
        """Remember how long a task took, unless it had said how long it may take."""
        free = [one.seconds for one in results if one.attempt in self._dispatch and not self._is_limited(one.attempt)]
        if free:
            self._life.note(max(free), now)

    def _is_limited(self, attempt: int) -> bool:
        return self._dispatch.item(attempt).walltime > 0

    def _unreadable(self, number: int, result: ResultPacket) -> ResultPacket:
        reason = OSError("the result could not be passed on: too many open files, or no memory to map it")
        return self._result(result.attempt, OUTCOME_FAILURE, pack_failure(reason), number)

    def bury(self, now: float) -> None:
        """Account for what dead workers had, and let others take their places.

        Raises:
            ExecutorError: if workers only die at their start.
        """
        for number in self._pool.dead():
            pipe = self._pool.pipe(number)
            self._take(number, pipe.receive(), now)
            unread = self._keep(pipe.take_back(EVERYTHING))
            begun = self._pool.cells.read(number)
            death = self._pool.bury(number, now)
            self._settle(death, unread, begun, now)

    def _settle(self, death: Death, unread: Sequence[int], begun: int, now: float) -> None:
        """A worker reads one attempt at a time, so at most one was in its hands: it had begun, or it had not."""
        if self._stopped:  # what it ran is lost with the manager, which is not its fault
            return
        number, killed = death.worker, self._killed.pop(death.worker, None)
        read = [attempt for attempt in self._dispatch.in_pipe(number) if attempt not in unread]
        started = None
        if read:
            started = self._blame(read[-1], begun, killed, death)
        elif killed is None:
            logger.warning("worker %d died (%s) without a task", number, death.exitcode)
        if killed is not None and killed.reason == "cancelled":
            self._cancelled.append(killed.attempt)
        self._feed(WorkerGone(number, started, now))

    def _blame(self, attempt: int, begun: int, killed: Kill | None, death: Death) -> int | None:
        """Report the attempt that a dead worker had; gives it unless it can be given to another worker."""
        item = self._dispatch.item(attempt)
        if killed is not None and killed.attempt == attempt:
            if killed.reason == "walltime":
                text = f"The task exceeded its walltime of {item.walltime} s and did not stop; its worker was killed"
                self._fail(attempt, AppTimeout(text), death.worker)
            return attempt
        if attempt == begun:
            logger.warning("worker %d died (%s) under attempt %d", death.worker, death.exitcode, attempt)
            self._fail(attempt, _lost(death, self._hostname, attempt), death.worker)
            return attempt
        if item.buffers:  # they went with the worker
            self.hand_back([item], f"worker {death.worker} died before it began")
            return attempt
        return None

    def _fail(self, attempt: int, error: Exception, number: int) -> None:
        self._outbox.add([self._result(attempt, OUTCOME_FAILURE, pack_failure(error), number)])

    def _result(self, attempt: int, outcome: int, body: bytes, number: int) -> ResultPacket:
        now = time()
        return ResultPacket(attempt, 0.0, encode_item(attempt, outcome, body, 0, now, now, number), None)

    # --- what time brings

    def keep_up(self, now: float) -> None:
        """End tasks that are beyond their time and workers that do not end, start workers that are missing."""
        due = self._dispatch.deadline()
        if due is not None and now >= due:
            self.collect(now)
            self._feed(TimePassed(now))
        self._pool.keep_up(now)

    def stop(self, now: float) -> list[int]:
        """Begin to end all workers; gives the attempts that were not begun. Results are still collected."""
        returned = [*self._dispatch.waiting(), *self._parked.attempts()]
        self.collect(now)
        self._stopped = True
        busy = set()
        for number in range(len(self._pool)):
            if pipe := self._dispatch.in_pipe(number):
                unread = self._keep(self._pool.pipe(number).take_back(EVERYTHING))
                returned += unread
                if len(pipe) > len(unread):
                    busy.add(number)
        self._pool.stop(busy, now)
        return returned

    # --- dispatch

    def _feed(self, event: Event) -> None:
        """Tell dispatch, do what it wants done, and tell it what came of that."""
        if self._stopped:
            return
        events = deque((event,))
        while events:
            event = events.popleft()
            for effect in self._dispatch.handle(event):
                answer = self._perform(effect, event.now)
                if answer is not None:
                    events.append(answer)

    def _perform(self, effect: Effect, now: float) -> Event | None:
        if isinstance(effect, Give):
            return self._give(effect, now)
        if isinstance(effect, TakeBack):
            taken = self._pool.pipe(effect.worker).take_back(effect.count)
            return TakenBack(effect.worker, self._keep(taken), now)
        if isinstance(effect, Withdrawn):
            for attempt in effect.attempts:
                self._parcels.pop(attempt, None)
            self._cancelled += effect.attempts
        elif isinstance(effect, Returned):
            for attempt in effect.attempts:
                self._parcels.pop(attempt, None)
            self._return(effect.attempts)
        else:
            logger.info("worker %d is killed because of attempt %d (%s)", effect.worker, effect.attempt, effect.reason)
            self._killed[effect.worker] = effect
            self._pool.kill(effect.worker, now)
        return None

    def _give(self, give: Give, now: float) -> PipeFull | None:
        pipe = self._pool.pipe(give.worker)
        for index, item in enumerate(give.items):
            parcel = self._parcels.pop(item.attempt, None) if self._parcels else None
            if parcel is None:
                parcel = self._pack(item, give.buffers.get(item.attempt, ()))
            if not pipe.send(parcel):
                self._keep([parcel])
                self._keep(
                    [
                        self._pack(later, give.buffers[later.attempt])
                        for later in give.items[index + 1 :]
                        if later.attempt in give.buffers
                    ]
                )
                return PipeFull(give.worker, [left.attempt for left in give.items[index:]], now)
        return None

    def _pack(self, item: TaskItem, buffers: Sequence[Any]) -> Parcel:
        place = self._pool.functions.place(item.function)
        try:
            if place is None:
                raise OSError("its function was forgotten")
            return pack_task(item.attempt, item.function, place, item.body, _segment(buffers) if buffers else None)
        except (OSError, ValueError) as error:
            return pack_refusal(item.attempt, f"the task could not be handed to a worker of {self._hostname}: {error}")

    def _keep(self, parcels: Sequence[Parcel]) -> list[int]:
        """Keep what cannot be made again, which is what has a segment; gives the attempts."""
        for parcel in parcels:
            if parcel.segment is not None:
                self._parcels[parcel.attempt] = parcel
        return [parcel.attempt for parcel in parcels]


def _segment(parts: Sequence[Any]) -> Segment:
    """What came beside an attempt, in memory that can be passed on to a worker."""
    (part,) = parts
    return part if isinstance(part, Segment) else Segment.holding([getattr(part, "buffer", part)])


def _lost(death: Death, hostname: str, attempt: int) -> WorkerLost:
    return WorkerLost(
        death.worker,
        hostname,
        exitcode=death.exitcode,
        attempt=number_of(attempt),
        output_tail=death.output_tail,
        log_path=death.log_path,
    )
