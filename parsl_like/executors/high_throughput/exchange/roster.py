"""What the interchange knows of one manager, and whom it takes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parsl_like.executors.high_throughput.protocol import PROTOCOL_VERSION, Lost, ManagerNews

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from parsl_like.executors.high_throughput.protocol import Goodbye, Register, TaskItem


@dataclass(frozen=True, slots=True)
class Membership:
    """What a manager has to share with the interchange in order to be taken.

    Attributes:
        run_id: The run.
        python: Version of the submit side's interpreter, like "3.11.7"; major and minor number count.
        package: Version of this package on the submit side.
    """

    run_id: str
    python: str
    package: str

    def refusal(self, register: Register) -> str | None:
        """Why a manager is not taken, in words that name what both sides have; None if it is."""
        for what, ours, theirs in (
            ("protocol", str(PROTOCOL_VERSION), str(register.version)),
            ("run", self.run_id, register.run_id),
            ("parsl_like", self.package, register.package),
            ("Python", _minor(self.python), _minor(register.python)),
        ):
            if ours != theirs:
                return (
                    f"{what} {theirs} of manager {register.manager.decode(errors='replace')} on {register.hostname} "
                    f"does not match {what} {ours} of the interchange"
                )
        if register.slots < 1:
            return f"it offers {register.slots} slots"
        return None


REMEMBERED = 10_000
"""How many managers that are gone are remembered, to be told to stop if they come back."""


@dataclass(slots=True, eq=False)
class ManagerRow:
    """A manager that was taken, as the interchange sees it.

    Attributes:
        register: How it presented itself.
        heard: When it last spoke, in monotonic seconds.
        capacity: How many attempts it wants to hold.
        held: The attempts it holds.
        wide: How many slots beyond one those of them hold that hold several.
        extra: How many those are together.
        running: How many ran when it last said so.
        functions: Hashes of the functions it was sent over its present connection.
        linked: Whether its data link is up.
        draining: Whether it takes nothing new.
        leaving: Why it said goodbye, while results of it may still be on the way.
        over: Why its block is said to be over.
        stopping: Attempts it was asked to cancel, and has not yet.
        at_risk: What it held when its data link came back: any of that may have been lost on the way.
        missing: What it did not get, unless a result in one of the batches ``awaited`` says otherwise.
        missing_since: When it said so.
        acknowledge: Number of the last of its result batches that has arrived at the driver.
        busy: Whether it counts as holding something.
        rank: Sorts it among others where blocks are filled one after another.
        ends: When it ends by itself, in monotonic seconds; infinity for never.
        life: For how long it could be used, from its first registration until then.
        line: The line in which it stands among those that want more, None if it wants nothing.
    """

    register: Register
    heard: float
    capacity: int
    held: set[int] = field(default_factory=set)
    wide: dict[int, int] = field(default_factory=dict)
    extra: int = 0
    running: int = 0
    functions: set[bytes] = field(default_factory=set)
    linked: bool = False
    draining: bool = False
    leaving: str = ""
    over: str = ""
    stopping: set[int] = field(default_factory=set)
    at_risk: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    awaited: set[int] = field(default_factory=set)
    missing_since: float = 0.0
    acknowledge: int = 0
    busy: bool = False
    rank: Any = None
    ends: float = math.inf
    life: float = math.inf
    line: dict[bytes, ManagerRow] | None = None

    @property
    def open(self) -> bool:
        """Whether it may be given attempts at all."""
        return self.linked and not self.draining and not self.leaving

    def note_end(self, now: float) -> None:
        """Learn from its registration when it ends; the news of it was sent a moment ago at least."""
        leaves, life = self.register.leaves, self.register.life
        if 0 < leaves < math.inf:
            self.ends = min(self.ends, now + leaves)
            self.life = life if leaves < life < math.inf else leaves

    def credit(self) -> int:
        """How many more attempts it wants to hold."""
        return self.capacity - len(self.held)

    def free(self) -> int:
        """How many of its slots would run a new attempt at once."""
        held = len(self.held)
        return min(self.register.slots - held - self.extra, self.capacity - held)

    def depth(self) -> float:
        """How much waits at it for each of its slots."""
        return -self.free() / self.register.slots

    def was_cut_off(self, now: float, period: float) -> bool:
        """Whether it was there, with heartbeats of so many seconds, until it should have ended, or nearly."""
        return now >= self.ends and self.heard > self.ends - 2 * period

    def loss(
        self,
        reason: str,
        *,
        started: Iterable[int] = (),
        unstarted: Iterable[int] = (),
        ran: Mapping[int, float] | None = None,
        over: bool = False,
    ) -> Lost:
        """What the driver is told of attempts that it held.

        Args:
            reason: What happened.
            started: Those that have run, or may have.
            unstarted: Those that have not.
            ran: For how many seconds, where that is known.
            over: Whether the block's time was up.
        """
        begun = sorted(started)
        seconds = [ran.get(attempt, 0.0) for attempt in begun] if ran else []
        life = self.life if over and self.life < math.inf else 0.0
        return Lost(self.register.manager, self.register.hostname, reason, begun, sorted(unstarted), seconds, life)

    def left_behind(self, goodbye: Goodbye) -> Lost:
        """What is lost with a manager that has said goodbye; what it does not name has never come to it."""
        started = self.held.intersection(goodbye.abandoned)
        unstarted = self.held - started - set(goodbye.finished)
        ran = dict(zip(goodbye.abandoned, goodbye.ran, strict=False))
        return self.loss(self.leaving, started=started, unstarted=unstarted, ran=ran, over=goodbye.expired)

    def hold(self, items: Sequence[TaskItem]) -> None:
        """Count attempts as held."""
        if len(items) == 1:
            self.held.add(items[0].attempt)
        else:
            self.held.update([item.attempt for item in items])

    def hold_wide(self, item: TaskItem, slots: int) -> None:
        """Count an attempt as held that holds so many slots."""
        self.held.add(item.attempt)
        if slots > 1:
            self.wide[item.attempt] = slots - 1
            self.extra += slots - 1

    def release(self, attempts: Collection[int]) -> None:
        """Count attempts as held no more."""
        self.held.difference_update(attempts)
        for some in (self.stopping, self.at_risk, self.missing):
            if some:
                some.intersection_update(self.held)
        if self.wide:
            for attempt in attempts:
                self.extra -= self.wide.pop(attempt, 0)


class Roster(dict[bytes, ManagerRow]):
    """The managers that were taken, by their names; changed by :meth:`add` and :meth:`remove` alone.

    Attributes:
        changed: Whether a manager came, went, or opened or closed its doors, since somebody made it False.
    """

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[str, dict[bytes, ManagerRow]] = {}
        self._widths: Counter[int] = Counter()
        self.changed = False

    def add(self, row: ManagerRow) -> None:
        """Take a manager whose name is new."""
        register = row.register
        self[register.manager] = self._blocks.setdefault(register.block, {})[register.manager] = row
        self._widths[register.slots] += 1
        self.changed = True

    def remove(self, row: ManagerRow) -> None:
        """Forget a manager."""
        manager, block, slots = row.register.manager, row.register.block, row.register.slots
        del self[manager]
        del self._blocks[block][manager]
        if not self._blocks[block]:
            del self._blocks[block]
        self.changed = True
        self._widths[slots] -= 1
        if not self._widths[slots]:
            del self._widths[slots]

    def renew(self, row: ManagerRow, register: Register, now: float) -> None:
        """A manager has registered again."""
        row.heard, row.register, row.capacity, row.leaving = now, register, register.capacity, ""
        row.note_end(now)
        self.changed = True

    def of_block(self, block: str) -> Collection[ManagerRow]:
        """The managers of a block."""
        return self._blocks.get(block, {}).values()

    def widest(self) -> int:
        """How many slots the largest manager has, 1 if there is none."""
        return max(self._widths, default=1)

    def validate(self, waiting: Collection[int]) -> dict[str, tuple[int, int]]:
        """Check that each attempt is in one place; gives how many managers each block has, and how many are busy.

        Args:
            waiting: The attempts that wait.

        Raises:
            ValueError: naming what is wrong.
        """
        places, blocks = list(waiting), dict[str, tuple[int, int]]()
        for row in self.values():
            places.extend(row.held)
            for name in ("stopping", "at_risk", "missing", "wide"):
                if set(getattr(row, name)) - row.held:
                    raise ValueError(f"{row.register.manager!r} does not hold all that is {name}: {row}")
            managers, busy = blocks.get(row.register.block, (0, 0))
            blocks[row.register.block] = managers + 1, busy + bool(row.held)
        if len(places) != len(set(places)):
            raise ValueError(f"an attempt is in two places: {sorted(places)}")
        return blocks


class Departed(dict[bytes, None]):
    """The names of managers that are gone, those that went first forgotten first."""

    def add(self, manager: bytes) -> None:
        """Remember one more."""
        self[manager] = None
        if len(self) > REMEMBERED:
            del self[next(iter(self))]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def news_of(register: Register, what: str, held: int, reason: str = "", attempts: Iterable[int] = ()) -> ManagerNews:
    """What the driver is told of a manager."""
    return ManagerNews(
        register.manager,
        what,
        register.block,
        register.hostname,
        register.slots,
        held,
        reason,
        register.python,
        register.package,
        register.packages,
        attempts=list(attempts),
    )
