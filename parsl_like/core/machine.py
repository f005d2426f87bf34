"""The one owner of task state. Events in, effects out; nothing else touches a row.

``feed`` takes raw events in batches and leaves the effects in ``out`` (the hot path); ``handle`` takes one typed
event and returns typed effects (the readable door). Both run the same transitions.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from parsl_like.core.effects import Effect, Outbox
from parsl_like.core.events import Event, EventType, RawEvent
from parsl_like.core.graph import FIRST_FINAL, release
from parsl_like.core.states import Phase, States, state_of
from parsl_like.core.transitions import TRANSITIONS, Transition
from parsl_like.errors import InternalConsistencyError

if TYPE_CHECKING:
    from parsl_like.core.task import TaskRow

STORY_LENGTH = 4096
"""How many recent events the ring of all stories holds."""

_SUBMITTED = int(EventType.SUBMITTED)
_DEPENDENCY_DONE = int(EventType.DEPENDENCY_DONE)
_TIME_PASSED = int(EventType.TIME_PASSED)
_LAUNCHED = int(Phase.launched)

# Phase * 16 + event -> transition: small-integer keys cost a quarter of a tuple of enums on the hot path.
_TABLE: dict[int, Transition] = {phase << 4 | event: step for (phase, event), step in TRANSITIONS.items()}


class TaskMachine:
    """All tasks of a run, and every rule of how they change.

    Args:
        retries: The run's budget of failures per task.
        lost_retries: How often a started task may be lost with its place and run again.
        garbage_collect: Whether rows of ended tasks are dropped.
        dependency_error: Makes the error of a task whose dependencies failed, from its id and pairs (name, error).
        join_type_error: Makes the error of a join app that returned no futures, from its name and the value.
        loss_error: Makes the error of a task lost too often, from the last cause and the number of losses.
        remember_first: Whether a result that is to be remembered is the task's end only when that has been done.

    Attributes:
        followers: By task, those that wait for its end because they are the same call.
    """

    def __init__(
        self,
        *,
        retries: float = 0,
        lost_retries: int = 3,
        garbage_collect: bool = True,
        dependency_error: Callable[[int, list[tuple[str, Any]]], Any],
        join_type_error: Callable[[str, Any], Any],
        loss_error: Callable[[Any, int], Any],
        remember_first: bool = False,
    ) -> None:
        self.retries = retries
        self.lost_retries = lost_retries
        self.garbage_collect = garbage_collect
        self.dependency_error = dependency_error
        self.join_type_error = join_type_error
        self.loss_error = loss_error
        self.remember_first = remember_first
        self.rows: dict[int, TaskRow] = {}
        self.foreign: dict[int, TaskRow] = {}
        self.followers: dict[int, list[TaskRow]] = {}
        self.out = Outbox()
        self.now = 0.0
        self.counts = [0] * len(Phase)
        self.retried: dict[str, int] = {}
        self.losses = 0
        self.stale = 0
        self._sequence = 0
        # Plain numbers, attempt << 8 | phase << 4 | event: tuples would keep what is allocated around them in memory.
        self._ring = array("Q", bytes(8 * STORY_LENGTH))

    # --- doors -------------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> list[Effect]:
        """Take one event, return what is to be done. Effects left by ``feed`` must have been taken before."""
        self.feed((event.raw(),))
        return self.take().typed()

    def take(self) -> Outbox:
        """The effects since the last call; the machine starts a new box."""
        out, self.out = self.out, Outbox()
        return out

    def feed(self, events: Iterable[RawEvent]) -> None:
        """Take a batch of raw events; their effects are added to ``out``.

        Raises:
            InternalConsistencyError: an event that is neither stale nor in the table, with the task's story.
        """
        rows, ring = self.rows, self._ring
        for code, subject, data in events:
            if code < _SUBMITTED:
                row = rows.get(subject >> 16)
                if row is None or row.attempt_id != subject or row.phase != _LAUNCHED:
                    self.stale += 1
                    continue
            elif code == _SUBMITTED:
                row = data
            elif code == _TIME_PASSED:
                self.now = data
                continue
            elif code == _DEPENDENCY_DONE:
                row = self.foreign.pop(subject, None)
            else:
                row = rows.get(subject)
            if row is None or row.phase >= FIRST_FINAL:
                self.stale += 1
                continue
            what = row.phase << 4 | code
            ring[self._sequence % STORY_LENGTH] = row.attempt_id << 8 | what
            self._sequence += 1
            step = _TABLE.get(what)
            if step is None:
                raise self._unexpected(row, code)
            step(self, row, data)

    # --- what transitions are made of --------------------------------------------------------------------------

    def advance(self, row: TaskRow) -> None:
        """Go on with a row that waits for nothing: to the end if a dependency failed, else towards its executor."""
        if row.failed_depends is not None:
            if self.knows_why(row):
                self.settle(row, Phase.dep_failed, self.dependency_error(row.attempt_id >> 16, row.failed_depends))
        elif row.ready:
            self.launch(row)
        else:
            self.prepare(row)

    def knows_why(self, row: TaskRow) -> bool:
        """Whether all failures that a row's end has to name are known; if not, the shell is asked for them."""
        if row.missed:
            self.prepare(row)
        return not row.missed

    def launch(self, row: TaskRow) -> None:
        """Hand the current attempt to its executor."""
        self.move(row, _LAUNCHED)
        row.launched = self.now
        launch = self.out.launch
        try:
            launch[row.executor].append(row)
        except KeyError:
            launch[row.executor] = [row]
        self.out.records.append((self.now, row.attempt_id >> 16, row.attempt_id & 0xFFFF, 7, None))

    def try_again(self, row: TaskRow, error: Any) -> None:
        """Start the next attempt; news of the one before is stale from here on."""
        if row.errors is None:
            row.errors = []
        row.errors.append(error)
        self.announce(row, States.fail_retryable, error)
        row.attempt_id = type(row.attempt_id)(row.attempt_id + 1)
        self.announce(row, States.pending)
        self.advance(row)

    def settle(self, row: TaskRow, phase: int, value: Any, report: Any = None) -> None:
        """End a row and all that cannot run because of it, without recursion."""
        ending = [(row, phase, value, report)]
        while ending:
            row, phase, value, report = ending.pop()
            self._end(row, phase, value, report)
            if self.followers:
                ending += self._follow(row, phase, value)
            if row.dependents is None:
                continue
            error = None if phase in (Phase.done, Phase.recalled) else value
            if error is None and phase not in (Phase.done, Phase.recalled):
                error = self.dependency_error(row.id, [])
            for dependent in release(row, error):
                if dependent.phase >= FIRST_FINAL:
                    continue
                if dependent.failed_depends is None:
                    self.advance(dependent)
                elif self.knows_why(dependent):
                    cause = self.dependency_error(dependent.id, dependent.failed_depends)
                    ending.append((dependent, Phase.dep_failed, cause, None))

    def prepare(self, row: TaskRow) -> None:
        """Have a row's call looked up and packed."""
        self.move(row, Phase.preparing)
        self.out.prepare.append(row)

    def remember(self, row: TaskRow, end: tuple[Any, Any]) -> bool:
        """Have a result, given with its report, kept under the row's key; whether the row's end is to wait for that."""
        self.out.remember.append((row, row.key or "", end[0]))
        if self.remember_first:
            self.move(row, Phase.remembering)
            row.value = end
        return self.remember_first

    def release(self, row: TaskRow) -> None:
        """Say that the call of a row, if it has a key, will have no result."""
        if row.key is not None:
            self.out.release.append((row.id, row.key))

    def _follow(self, row: TaskRow, phase: int, value: Any) -> list[tuple[TaskRow, int, Any, Any]]:
        """How those end that were the same call as a row that has ended; if it was cancelled, they go on without it."""
        rows = [follower for follower in self.followers.pop(row.id, ()) if follower.phase == Phase.attached]
        if phase == Phase.cancelled:
            for follower in rows:
                self.prepare(follower)
            return []
        return [(follower, Phase.recalled if phase == Phase.done else phase, value, None) for follower in rows]

    def move(self, row: TaskRow, phase: int) -> None:
        """Change a row's phase, and the counts with it."""
        counts = self.counts
        if row.phase:
            counts[row.phase] -= 1
        counts[phase] += 1
        row.phase = phase

    def announce(self, row: TaskRow, state: States, detail: Any = None) -> None:
        """Tell the records of a change of public state."""
        self.out.records.append((self.now, row.attempt_id >> 16, row.attempt_id & 0xFFFF, int(state), detail))

    def _end(self, row: TaskRow, phase: int, value: Any, report: Any) -> None:
        self.move(row, phase)
        row.value = value
        row.returned = self.now
        out = self.out
        detail = report if phase < Phase.failed else value
        out.records.append((self.now, row.attempt_id >> 16, row.attempt_id & 0xFFFF, _FINAL_STATE[phase], detail))
        out.settle.append(row)
        if self.garbage_collect:
            rows = self.rows
            rows.pop(row.attempt_id >> 16, None)
            if not rows:
                rows.clear()  # an empty dict keeps the room of all that it has ever held
            out.forget.append(row.id)

    # --- looking in --------------------------------------------------------------------------------------------

    @property
    def unfinished(self) -> int:
        """Tasks that have not ended."""
        return sum(self.counts[:FIRST_FINAL])

    def summary(self) -> dict[str, int]:
        """Tasks by public state."""
        tally: Counter[str] = Counter()
        for phase, count in enumerate(self.counts):
            if count:
                tally[state_of(phase).name] += count
        return dict(tally)

    def story(self, task: int) -> list[str]:
        """What recently happened to a task, oldest first, as ``#sequence try phase <- event``."""
        ring, end = self._ring[:], self._sequence  # copied: any thread may ask while events come
        return [
            f"#{at + 1} try {word >> 8 & 0xFFFF} {Phase(word >> 4 & 0xF).name} <- {EventType(word & 0xF).name}"
            for at in range(max(0, end - STORY_LENGTH), end)
            if (word := ring[at % STORY_LENGTH]) >> 24 == task
        ]

    def validate(self) -> None:
        """Check every invariant; for tests, since it looks at all rows.

        Raises:
            InternalConsistencyError: the first one that does not hold.
        """
        live = [0] * FIRST_FINAL
        awaited: Counter[int] = Counter(id(row) for row in self.foreign.values() if row.phase < FIRST_FINAL)
        for row in self.rows.values():
            awaited.update(id(d) for d in row.dependents or ())
        for task, row in self.rows.items():
            self._require(row.id == task, row, "is filed under another id")
            if row.phase >= FIRST_FINAL:
                continue
            live[row.phase] += 1
            self._require(
                (row.phase == Phase.waiting) == (row.unresolved > 0), row, "waits for nothing, or runs too soon"
            )
            self._require(row.unresolved >= 0, row, "waits for less than nothing")
            if row.phase == Phase.waiting:
                self._require(awaited[id(row)] == row.unresolved, row, "has edges that are not mirrored")
            if row.phase == Phase.launched:
                self._require(row.ready, row, "was launched before it was prepared")
            if row.phase == Phase.attached:
                self._require(row in self.followers.get(row.value, ()), row, "follows nobody")
        for task in self.followers:
            self._require_leader(task)
        if live != self.counts[:FIRST_FINAL]:
            raise InternalConsistencyError(f"counts {self.counts} differ from a recount {live}")

    def _require_leader(self, task: int) -> None:
        leader = self.rows.get(task)
        if leader is None or leader.phase not in (Phase.launched, Phase.joining, Phase.remembering):
            raise InternalConsistencyError(f"task {task} is followed, and is {leader!r}; story: {self.story(task)}")

    def _require(self, holds: bool, row: TaskRow, complaint: str) -> None:
        if not holds:
            raise InternalConsistencyError(f"{row!r} {complaint}; story: {self.story(row.id)}")

    def _unexpected(self, row: TaskRow, code: int) -> InternalConsistencyError:
        return InternalConsistencyError(
            f"{row!r} cannot take {EventType(code).name} in phase {Phase(row.phase).name}; story: {self.story(row.id)}"
        )


_FINAL_STATE: dict[int, int] = {int(p): int(state_of(p)) for p in Phase}
