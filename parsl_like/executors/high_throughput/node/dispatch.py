"""Which worker of a node gets which attempt: events in, effects out; no clock, no socket, no process.

Every worker has a pipe of its own. It holds one attempt, the one that runs; more only while recent tasks were so short
that a worker would otherwise wait for the next one longer than it works. What lies unread in the pipe of a worker that
is busy for longer is taken back as soon as another worker could run it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from parsl_like.executors.high_throughput.backlog import Backlog
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
from parsl_like.executors.high_throughput.node.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from parsl_like.executors.high_throughput.node.dispatch_events import Effect, Event
    from parsl_like.executors.high_throughput.protocol import TaskItem

STALLED_S = 0.01
"""A worker that has not finished anything for so long gets nothing more into its pipe."""

GRACE_S = 5.0
"""Seconds that a task may take beyond its walltime to notice it, before its worker is killed."""

LOOK_S = 0.05
"""What waits is looked through for what is too late to begin no more often than this."""


@dataclass(slots=True)
class _Worker:
    number: int
    since: float
    """When the first attempt of the pipe became the first."""
    pipe: deque[TaskItem] = field(default_factory=deque)
    unread: int = 0
    """An upper bound of how many attempts of the pipe its worker has not read."""
    asked: int = 0
    """How many are being taken back."""
    full: bool = False
    """Whether nothing more fits into the pipe until something is reported."""
    cancelled: set[int] = field(default_factory=set)
    overdue: bool = False
    dying: bool = False
    lent: list[int] = field(default_factory=list)
    """Workers that stay idle for the sake of the attempt here, which holds several slots."""


def _any_time(_walltime: float) -> float:
    return math.inf


class Dispatch:
    """The queue, the workers and their pipes.

    Args:
        slots: How many workers the node has when all are there.
        prefetch: How many attempts to ask for beyond those that run; None adapts.
        latest: From a walltime to when an attempt of that must begin.
    """

    def __init__(self, slots: int, prefetch: int | None = None, latest: Callable[[float], float] = _any_time) -> None:
        self._slots = slots
        self._pace = Pace(slots, prefetch)
        self._waiting = Backlog()
        self._workers: dict[int, _Worker] = {}
        self._idle: dict[int, _Worker] = {}
        self._stacked: dict[int, _Worker] = {}
        self._lent: set[int] = set()
        self._held: dict[int, TaskItem] = {}
        self._limited = 0
        self._latest = latest
        self._late_at = math.inf
        self._effects: list[Effect] = []
        self._on: dict[type, Callable[[Any], None]] = {
            ResultsArrived: self._results,
            TasksArrived: self._arrived,
            WorkerReady: self._ready,
            TakenBack: self._taken_back,
            PipeFull: self._pipe_full,
            WorkerGone: self._gone,
            CancelAsked: self._cancel,
            TimePassed: self._time_passed,
            NothingNew: self._nothing_new,
        }

    # --- questions

    def __contains__(self, attempt: int) -> bool:
        return attempt in self._held

    def __len__(self) -> int:
        return len(self._held)

    def held(self) -> list[int]:
        """Every attempt that waits or is in a pipe."""
        return list(self._held)

    def waiting(self) -> list[int]:
        """The attempts that no worker has, in the order in which they would go."""
        return [item.attempt for item in self._waiting]

    def in_pipe(self, worker: int) -> list[int]:
        """The attempts a worker has been given and has not reported, in their order; empty for an unknown worker."""
        row = self._workers.get(worker)
        return [item.attempt for item in row.pipe] if row else []

    def begun(self) -> dict[int, float]:
        """The first attempt of each pipe, which runs if any of it does, and since when it is the first."""
        return {row.pipe[0].attempt: row.since for row in self._workers.values() if row.pipe}

    def holds_any(self, attempts: Iterable[int]) -> bool:
        """Whether one of these is held."""
        return not self._held.keys().isdisjoint(attempts)

    def item(self, attempt: int) -> TaskItem:
        """What was given for an attempt.

        Raises:
            KeyError: if it is not held.
        """
        return self._held[attempt]

    def capacity(self) -> int:
        """How many attempts the node wants to hold."""
        return self._pace.capacity()

    def deadline(self) -> float | None:
        """When TimePassed is due, None if no task has a walltime."""
        if not self._limited:
            return None
        overdue = min((row.since + row.pipe[0].walltime + GRACE_S for row in self._limited_rows()), default=math.inf)
        due = min(overdue, self._late_at)
        return due if due < math.inf else None

    # --- events

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; gives what is to be done, in this order."""
        self._on[type(event)](event)
        if self._stacked:
            self._balance(event.now)
        effects = self._effects
        if effects:
            self._effects = []
            return effects
        return []

    def _arrived(self, event: TasksArrived) -> None:
        items = event.items
        self._waiting.append(items, event.buffers)
        size = sum(map(len, event.buffers)) if event.buffers else 0
        for item in items:
            size += len(item.body)
            self._held[item.attempt] = item
            if item.walltime > 0:
                self._limited += 1
                self._late_at = min(self._late_at, self._latest(item.walltime))
        self._pace.weigh(len(items), size)
        self._assign(event.now)

    def _ready(self, event: WorkerReady) -> None:
        row = self._workers[event.worker] = _Worker(event.worker, event.now)
        if event.worker not in self._lent:
            self._idle[event.worker] = row
        self._assign(event.now)

    def _results(self, event: ResultsArrived) -> None:
        row = self._workers[event.worker]
        pipe = row.pipe
        for attempt in event.attempts:
            # A worker reports in the order in which it was given; anything else is not its own work.
            if pipe and pipe[0].attempt == attempt:
                pipe.popleft()
                self._forget(attempt)
        if event.attempts:
            self._pace.note(len(event.attempts), event.seconds)
        row.since = event.now
        row.overdue = row.full = False
        if row.unread:
            row.unread = min(row.unread, max(0, len(pipe) - 1))
            del self._stacked[row.number]
            if row.unread:  # in the order in which they last reported, so that the first has been stalled for longest
                self._stacked[row.number] = row
        if not pipe:
            if row.lent:
                self._release(row)
            if not row.dying:
                self._idle[row.number] = row
        if len(self._waiting):
            self._go_on(row, event.now)

    def _gone(self, event: WorkerGone) -> None:
        row = self._workers.pop(event.worker, None)
        if row is None:
            return
        self._idle.pop(row.number, None)
        self._stacked.pop(row.number, None)
        self._release(row)
        if event.started is not None:
            self._forget(event.started)
        self._put_back(row, [item for item in row.pipe if item.attempt != event.started])
        self._assign(event.now)

    def _taken_back(self, event: TakenBack) -> None:
        row = self._workers[event.worker]
        taken = set(event.attempts)
        items = [item for item in row.pipe if item.attempt in taken]
        row.pipe = deque(item for item in row.pipe if item.attempt not in taken)
        row.unread = max(0, row.unread - len(items)) if len(items) >= row.asked else 0
        row.asked = 0
        if not row.unread:
            self._stacked.pop(row.number, None)
        self._put_back(row, items)
        if not row.pipe:
            self._release(row)
            self._idle[row.number] = row
        else:
            self._kill_if_due(row)
        row.cancelled.clear()
        self._assign(event.now)

    def _pipe_full(self, event: PipeFull) -> None:
        row = self._workers[event.worker]
        refused = set(event.attempts)
        items = [item for item in row.pipe if item.attempt in refused]
        row.pipe = deque(item for item in row.pipe if item.attempt not in refused)
        row.unread = max(0, row.unread - len(items))
        if not row.unread:
            self._stacked.pop(row.number, None)
        row.full = True
        self._waiting.put_back(items, {})
        self._assign(event.now)

    def _cancel(self, event: CancelAsked) -> None:
        waiting = self._held.keys() & event.attempts
        for row in list(self._workers.values()) if waiting else ():
            mine = {item.attempt for item in row.pipe} & waiting
            waiting -= mine
            if mine and not row.dying:
                row.cancelled |= mine
                self._ask(row, len(row.pipe))
        if waiting:
            self._waiting.cancel(waiting)
            self._withdraw(sorted(waiting))
            self._assign(event.now)  # those behind one of several slots need not wait for it any more

    def _time_passed(self, event: TimePassed) -> None:
        now = event.now
        for row in list(self._limited_rows()):
            if now >= row.since + row.pipe[0].walltime + GRACE_S:
                row.overdue = True
                self._ask(row, len(row.pipe))
        if now >= self._late_at:
            self._return_late(now)

    def _nothing_new(self, event: NothingNew) -> None:
        self._return(self._waiting.take(len(self._waiting)))

    # --- what events are made of

    def _limited_rows(self) -> list[_Worker]:
        rows = self._workers.values()
        return [row for row in rows if row.pipe and row.pipe[0].walltime > 0 and not (row.dying or row.overdue)]

    def _kill_if_due(self, row: _Worker) -> None:
        # With nothing unread left in its pipe, the worker can only run the last that is left: nobody else is hit.
        running = row.pipe[-1].attempt
        if running in row.cancelled:
            self._kill(row, running, "cancelled")
        elif row.overdue and len(row.pipe) == 1:
            self._kill(row, running, "walltime")

    def _kill(self, row: _Worker, attempt: int, reason: Literal["cancelled", "walltime"]) -> None:
        row.dying = True
        self._effects.append(Kill(row.number, attempt, reason))

    def _put_back(self, row: _Worker, items: list[TaskItem]) -> None:
        if row.cancelled and (withdrawn := [item.attempt for item in items if item.attempt in row.cancelled]):
            self._withdraw(withdrawn)
            items = [item for item in items if item.attempt not in row.cancelled]
        self._waiting.put_back(items, {})

    def _withdraw(self, attempts: Sequence[int]) -> None:
        for attempt in attempts:
            self._forget(attempt)
        self._effects.append(Withdrawn(tuple(attempts)))

    def _return_late(self, now: float) -> None:
        """Hand back what waits and would not end before the node does."""
        latest = self._latest
        late: list[TaskItem] = []
        left: list[TaskItem] = []
        for item in self._waiting.take(len(self._waiting)):
            (late if item.walltime > 0 and now >= latest(item.walltime) else left).append(item)
        self._waiting.put_back(left, {})
        if late:
            self._return(late)
            self._assign(now)  # those behind one of several slots need not wait for it any more
        times = [latest(item.walltime) for item in self._held.values() if item.walltime > 0]
        self._late_at = max(min([when for when in times if when > now], default=math.inf), now + LOOK_S)

    def _return(self, items: Sequence[TaskItem]) -> None:
        if items:
            self._waiting.buffers_of(items)
            for item in items:
                self._forget(item.attempt)
            self._effects.append(Returned([item.attempt for item in items]))

    def _forget(self, attempt: int) -> None:
        item = self._held.pop(attempt)
        if item.walltime > 0:
            self._limited -= 1

    def _release(self, row: _Worker) -> None:
        for number in row.lent:
            self._lent.discard(number)
            lender = self._workers.get(number)
            if lender is not None:
                self._idle[number] = lender
        row.lent.clear()

    # --- who gets what

    def _assign(self, now: float) -> None:
        """Give what waits to whoever has room."""
        if self._waiting.wide:
            while self._start_next(now):
                pass
        elif len(self._waiting):
            rows, share = self._open_rows(now)
            for row in rows:
                if items := self._waiting.take(share - len(row.pipe)):
                    self._give(row, items, now)

    def _go_on(self, row: _Worker, now: float) -> None:
        """Give what waits to the worker that has just reported: nobody else has more room than before."""
        if self._waiting.wide or len(self._idle) > (not row.pipe):
            self._assign(now)
        elif not (row.asked or row.dying or row.lent):
            depth = self._pace.depth()
            share = 1 if depth == 1 else min(depth, -(-len(self._held) // len(self._workers)))
            if items := self._waiting.take(share - len(row.pipe)):
                self._give(row, items, now)

    def _start_next(self, now: float) -> bool:
        """Start the next attempt on idle workers, if there are enough.

        While one of several slots has to wait, so do those behind it, or it would wait for ever. One that wants more
        slots than the node has gets all of them.
        """
        items = self._waiting.take(1)
        slots = max(1, min(items[0].slots, self._slots)) if items else 0
        if not items or slots > len(self._idle):
            self._waiting.put_back(items, {})
            return False
        first, *others = islice(self._idle, slots)
        row = self._idle[first]
        for number in others:
            del self._idle[number]
        row.lent = others
        self._lent.update(others)
        self._give(row, items, now)
        return True

    def _open_rows(self, now: float) -> tuple[list[_Worker], int]:
        """The workers that can be given something, idle ones first, and how many attempts each may have."""
        waiting = len(self._waiting)
        rows = list(islice(self._idle.values(), waiting))
        if len(rows) == waiting or (depth := self._pace.depth()) == 1:
            return rows, 1
        rows += [
            row
            for row in self._workers.values()
            if row.pipe and now - row.since < STALLED_S and not (row.asked or row.full or row.dying or row.lent)
        ]
        held = waiting + sum([len(row.pipe) for row in rows])
        return rows, min(depth, -(-held // len(rows))) if rows else 0

    def _give(self, row: _Worker, items: list[TaskItem], now: float) -> None:
        if row.pipe:
            row.unread += len(items)
        else:
            self._idle.pop(row.number, None)
            row.since = now
            row.unread = len(items) - 1
        row.pipe.extend(items)
        if row.unread and row.number not in self._stacked:
            self._stacked[row.number] = row
        self._effects.append(Give(row.number, items, self._waiting.buffers_of(items)))

    def _balance(self, now: float) -> None:
        """Take back what lies unread behind a task that takes long, or while somebody has nothing to do."""
        if len(self._workers) == 1:
            return
        for row in self._stacked.values():
            if now - row.since < STALLED_S:
                break
            self._ask(row, row.unread)
        idle = len(self._idle)
        if idle and self._stacked:
            # Somebody is idle, so what waits, if anything does, waits for more slots than are free.
            row = max(self._stacked.values(), key=lambda row: 0 if row.asked else row.unread)
            self._ask(row, max(1, row.unread * idle // (idle + 1)))

    def _ask(self, row: _Worker, count: int) -> None:
        if not row.asked:
            row.asked = count
            self._effects.append(TakeBack(row.number, count))
