"""What the machine wants done. The shell does it: for real, as a dry run, or as a recording in tests.

The machine collects effects in an :class:`Outbox` of plain lists, grouped as the shell needs them; the typed
effects are the readable form of the same.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import AttemptId, TaskId

if TYPE_CHECKING:
    from parsl_like.core.task import JoinTargets, TaskRow


@dataclass(frozen=True, slots=True)
class Effect:
    """The base of all effects."""

    task: TaskId

    def matches(self, **wanted: Any) -> bool:
        """Whether every attribute given has the value given; for tests."""
        names = {f.name for f in fields(self)}
        return all(name in names and getattr(self, name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class Launch(Effect):
    """Hand the current attempt to its executor."""

    attempt: AttemptId
    executor: str


@dataclass(frozen=True, slots=True)
class Prepare(Effect):
    """Put values in place, look the call up, pack it.

    Prepared, Recalled, Attached, DependenciesFailed or PrepareFailed answers.
    """


@dataclass(frozen=True, slots=True)
class Settle(Effect):
    """Give the future its end: a value, an exception, or the cancelled state."""

    phase: int
    value: Any


@dataclass(frozen=True, slots=True)
class WatchJoin(Effect):
    """Wait for inner futures; answered by JoinDone."""

    targets: JoinTargets


@dataclass(frozen=True, slots=True)
class CancelAttempt(Effect):
    """Stop a running attempt as far as its executor can."""

    attempt: AttemptId
    executor: str


@dataclass(frozen=True, slots=True)
class Remember(Effect):
    """Keep a result for later calls with the same key."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Release(Effect):
    """The call with this key that ``task`` had in flight has no result: the next equal call runs."""

    key: str


@dataclass(frozen=True, slots=True)
class Announce(Effect):
    """A change of public state for the records: (time, task, try, state, detail)."""

    attempt_number: int
    state: int
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Forget(Effect):
    """The row is gone; drop whatever was kept for the task elsewhere."""


class Outbox:
    """Effects of one batch of events, grouped. The shell empties it when it has carried them out.

    The lists stay as long as the box: others would be made where a crowd of tasks is, and keep its memory when that has
    gone. Whoever wants their content for longer copies them; only those in ``launch`` are for keeps.
    """

    __slots__ = ("cancel", "forget", "launch", "prepare", "records", "release", "remember", "settle", "watch")

    def __init__(self) -> None:
        self.launch: dict[str, list[TaskRow]] = {}
        self.prepare: list[TaskRow] = []
        self.settle: list[TaskRow] = []
        self.watch: list[tuple[TaskRow, JoinTargets]] = []
        self.cancel: list[tuple[AttemptId, str]] = []
        self.remember: list[tuple[TaskRow, str, Any]] = []
        self.release: list[tuple[TaskId, str]] = []
        self.forget: list[TaskId] = []
        self.records: list[tuple[float, int, int, int, Any]] = []

    def __bool__(self) -> bool:
        return bool(
            self.launch
            or self.settle
            or self.prepare
            or self.records
            or self.watch
            or self.cancel
            or self.remember
            or self.release
        )

    def clear(self) -> None:
        """Have no effects any more."""
        for name in self.__slots__:
            getattr(self, name).clear()

    def typed(self) -> list[Effect]:
        """The same effects in readable form, in the order in which the shell carries them out."""
        out: list[Effect] = [Announce(TaskId(t), n, s, d) for _, t, n, s, d in self.records]
        out += [CancelAttempt(TaskId(a >> 16), a, x) for a, x in self.cancel]
        out += [Launch(r.id, r.attempt_id, r.executor) for rows in self.launch.values() for r in rows]
        out += [Remember(r.id, key, value) for r, key, value in self.remember]
        out += [Release(task, key) for task, key in self.release]
        out += [Prepare(r.id) for r in self.prepare]
        out += [WatchJoin(r.id, targets) for r, targets in self.watch]
        out += [Settle(r.id, r.phase, r.value) for r in self.settle]
        out += [Forget(t) for t in self.forget]
        return out
