"""Which manager gets what: the interchange's decisions, as events in and effects out. No clock, no socket.

Attempts wait in a backlog until a manager has credit, that is, wants to hold more than it does. Free slots of all
managers are filled before anything queues at one. Each attempt is held by one manager at most, and what may have been
lost with a manager, or on the way to it, is told to the driver, which keeps the payloads and decides.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from parsl_like.errors import BadMessage, InternalConsistencyError
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.backlog import Backlog
from parsl_like.executors.high_throughput.exchange.early import EarlyAttempts
from parsl_like.executors.high_throughput.exchange.function_cache import FunctionCache
from parsl_like.executors.high_throughput.exchange.idleness import Idleness
from parsl_like.executors.high_throughput.exchange.lifetimes import Lifetimes
from parsl_like.executors.high_throughput.exchange.openings import Openings
from parsl_like.executors.high_throughput.exchange.placement_events import (
    Effect,
    Event,
    FromDriver,
    FromManager,
    Give,
    LinkOpened,
    ManagerEnded,
    Report,
    Tell,
    TurnEnded,
    Undelivered,
    Untold,
)
from parsl_like.executors.high_throughput.exchange.roster import Departed, ManagerRow, Membership, Roster, news_of
from parsl_like.executors.high_throughput.exchange.unreached import Unreached

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from parsl_like.executors.high_throughput.exchange.timed_backlog import TimedBacklog
    from parsl_like.executors.high_throughput.protocol import Function, TaskItem


class PlacementMachine:
    """Owns which attempt waits and which manager holds which; changed by :meth:`handle` alone.

    Args:
        membership: What a manager must share to be taken.
        incarnation: How often this interchange has been started, from 1.
        period: Seconds between heartbeats.
        threshold: Seconds of silence after which a manager is lost.
        rank: Sorts blocks that are to be filled one after another; None to let all managers take turns.
        now: The time, in monotonic seconds, as in all events.
    """

    def __init__(
        self,
        membership: Membership,
        *,
        incarnation: int,
        period: float,
        threshold: float,
        rank: Callable[[str], Any] | None = None,
        now: float,
    ) -> None:
        self._membership = membership
        self._incarnation = incarnation
        self._period = period
        self._threshold = threshold
        self._next_beat = now + period
        self._plain = Backlog()
        self._backlog: Backlog | TimedBacklog = self._plain
        self._lifetimes: Lifetimes | None = None
        self._cache = FunctionCache()
        self._rank = rank
        self._openings = Openings(pack=rank is not None)
        self._idleness = Idleness()
        self._rows = Roster()
        self._linked: set[bytes] = set()
        self._gone = Departed()
        self._early = EarlyAttempts()
        self._draining: set[str] = set()
        self._to_acknowledge: set[bytes] = set()
        self._unreached = Unreached()
        self._stopping = ""
        self._effects: list[Effect] = []
        self._on_event: dict[type, Callable[[Any], None]] = {
            FromDriver: self._hear_driver,
            FromManager: self._hear_manager,
            LinkOpened: self._link_opened,
            ManagerEnded: self._ended,
            Undelivered: self._undelivered,
            Untold: self._untold,
            TurnEnded: self._end_turn,
        }
        self._on_driver: dict[type, Callable[[Any], None]] = {
            protocol.Function: self._take_function,
            protocol.Cancel: self._cancel,
            protocol.Drain: self._drain_blocks,
            protocol.BlockEnded: self._end_block,
            protocol.Stop: self._stop,
            protocol.Heartbeat: lambda message: None,
        }
        self._on_manager: dict[type, Callable[[ManagerRow, Any], None]] = {
            protocol.Results: self._take_results,
            protocol.Heartbeat: self._take_heartbeat,
            protocol.NeedFunction: self._send_functions,
            protocol.Cancelled: self._take_cancelled,
            protocol.Drain: self._take_drain,
            protocol.Goodbye: self._take_goodbye,
        }

    # --- the door

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; gives what is to be sent for it, in order. Attempts are dealt when the turn ends.

        Raises:
            BadMessage: if a message does not belong there or contradicts itself; nothing has changed then.
        """
        self._on_event[type(event)](event)
        effects = self._effects
        if effects:
            self._effects = []
            return effects
        return []

    def deadline(self) -> float:
        """When the next :class:`TurnEnded` is due, in monotonic seconds, if nothing comes before."""
        idle = self._idleness.deadline()
        due = min(self._next_beat, self._unreached.deadline(), math.inf if idle is None else idle)
        return due if self._lifetimes is None else min(due, self._lifetimes.deadline())

    def has_given_up(self, manager: bytes) -> bool:
        """Whether a manager was taken, and is gone."""
        return manager in self._gone

    def knows(self, manager: bytes) -> bool:
        """Whether a manager has been taken, and is not gone."""
        return manager in self._rows

    def managers(self) -> int:
        """How many managers there are that have not said goodbye."""
        return sum(not row.leaving for row in self._rows.values())

    def counts(self) -> dict[str, int]:
        """How many attempts wait, and how many are held."""
        return {"waiting": sum(1 for _ in self._backlog), "held": sum(len(row.held) for row in self._rows.values())}

    # --- the driver

    def _hear_driver(self, event: FromDriver) -> None:
        message = event.message
        if type(message) is protocol.Tasks:
            if message.items or event.buffers:
                self._backlog.append(message.items, event.buffers)
            for manager, sequence in message.acknowledged:
                if row := self._rows.get(manager):
                    row.acknowledge = max(row.acknowledge, sequence)
                    self._to_acknowledge.add(manager)
            return
        take = self._on_driver.get(type(message))
        if take is None or event.buffers:
            raise BadMessage(f"the driver sent a {type(message).__name__} with {len(event.buffers)} buffers")
        take(message)

    def _take_function(self, function: Function) -> None:
        for manager in self._cache.put(function):
            if row := self._rows.get(manager):
                row.functions.add(function.hash)
                self._effects.append(Give(manager, [function], [], {}))

    def _cancel(self, message: protocol.Cancel) -> None:
        asked = set(message.attempts)
        for manager, row in self._rows.items():
            if not asked.isdisjoint(row.held):
                found = row.held & asked
                asked -= found
                row.stopping |= found
                self._tell(manager, protocol.Cancel(sorted(found)))
                if not asked:
                    return
        if asked:
            self._backlog.cancel(asked)
            self._report(protocol.Cancelled(sorted(asked)))

    def _drain_blocks(self, message: protocol.Drain) -> None:
        self._draining.update(message.blocks)
        for block in message.blocks:
            for row in self._rows.of_block(block):
                if not row.draining:
                    self._drain(row, "the driver asked for it")

    def _end_block(self, message: protocol.BlockEnded) -> None:
        for row in self._rows.of_block(message.block):
            row.over = message.reason or "its block ended"
            self._tell(row.register.manager, protocol.Heartbeat(0.0))  # which shows whether it can be reached

    def _stop(self, message: protocol.Stop) -> None:
        self._stopping = message.reason or "the driver ended"
        for manager in self._rows:
            self._tell(manager, protocol.Stop(self._stopping))

    # --- managers

    def _hear_manager(self, event: FromManager) -> None:
        message, manager = event.message, event.manager
        if type(message) is protocol.Register:
            self._register(event.now, manager, message)
            return
        take = self._on_manager.get(type(message))
        if take is None:
            raise BadMessage(f"a manager sent a {type(message).__name__}")
        row = self._rows.get(manager)
        if row is None:
            self._answer_unknown(manager, message)
            return
        row.heard = event.now
        self._unreached.discard(manager)
        take(row, message)

    def _answer_unknown(self, manager: bytes, message: Any) -> None:
        if manager in self._gone or self._stopping:
            self._tell(manager, protocol.Stop(self._stopping or "this manager was given up"))
            return
        if type(message) is protocol.Results:
            self._early.note(manager, message.attempts)
        self._ask_to_register(manager)

    def _register(self, now: float, manager: bytes, register: protocol.Register) -> None:
        if register.manager != manager:
            raise BadMessage(f"manager {manager!r} registers as {register.manager!r}")
        if manager in self._gone or self._stopping:
            self._tell(manager, protocol.Stop(self._stopping or "this manager was given up"))
            return
        if reason := self._membership.refusal(register):
            self._tell(manager, protocol.Refused(reason))
            self._report(news_of(register, "refused", 0, reason))
            return
        row = self._rows.get(manager)
        if row and (row.register.block, row.register.slots) != (register.block, register.slots):
            raise BadMessage(f"manager {manager!r} registers again with another block or another number of slots")
        self._tell(manager, protocol.Registered(self._incarnation, self._period, self._threshold))
        if row is None:
            self._welcome(now, register)
        else:
            self._welcome_back(now, row, register)

    def _welcome(self, now: float, register: protocol.Register) -> None:
        manager = register.manager
        held = {*register.held, *register.finished}
        held.difference_update(self._early.take(manager))
        row = ManagerRow(register, now, register.capacity, held, linked=manager in self._linked)
        row.rank = self._rank and self._rank(register.block)
        row.note_end(now)
        self._rows.add(row)
        if row.ends < math.inf and self._lifetimes is None:
            self._lifetimes = Lifetimes(self._rows, self._openings, self._plain)
            self._backlog = self._lifetimes.waiting
        self._idleness.join(register.block)
        self._report(news_of(register, "connected", len(held), attempts=[*register.held, *register.finished]))
        if register.block in self._draining:
            self._drain(row, "its block is being drained")
        self._review(row)

    def _welcome_back(self, now: float, row: ManagerRow, register: protocol.Register) -> None:
        self._rows.renew(row, register, now)
        missing, row.at_risk = row.at_risk.difference(register.held), set()
        if row.draining:
            self._tell(register.manager, protocol.Drain([register.block]))
        if missing and register.unacknowledged:
            row.missing, row.awaited, row.missing_since = missing, set(register.unacknowledged), now
        elif missing:
            self._lose_on_the_way(row, missing)
        self._review(row)

    def _link_opened(self, event: LinkOpened) -> None:
        row = self._rows.get(event.manager)
        if event.link == "data" and event.manager not in self._gone:
            self._linked.add(event.manager)
        if row is None:
            if self._incarnation > 1 and event.link == "control":  # it may believe that it is known
                self._ask_to_register(event.manager)
            return
        if event.link == "control":
            if row.draining:
                self._tell(event.manager, protocol.Drain([row.register.block]))
            if row.stopping:
                self._tell(event.manager, protocol.Cancel(sorted(row.stopping)))
            if row.at_risk:  # it was asked already, but maybe over a link that was down
                self._ask_to_register(event.manager)
            return
        row.linked = True
        row.functions.clear()
        if row.held:
            row.at_risk = set(row.held)
            self._ask_to_register(event.manager)
        self._review(row)

    def _ended(self, event: ManagerEnded) -> None:
        if row := self._rows.get(event.manager):
            self._give_up(row, row.leaving or "its process has ended", event.now)

    def _untold(self, event: Untold) -> None:
        if (row := self._rows.get(event.manager)) and row.over:
            self._unreached.add(event.manager)

    def _undelivered(self, event: Undelivered) -> None:
        self._linked.discard(event.manager)
        self._backlog.put_back(event.items, event.buffers)
        if row := self._rows.get(event.manager):
            row.linked = False
            self._release(row, [item.attempt for item in event.items])

    def _take_results(self, row: ManagerRow, message: protocol.Results) -> None:
        row.capacity = message.capacity
        row.release(message.attempts)
        if row.missing:
            row.awaited.discard(message.sequence)
            if not row.awaited:
                self._lose_on_the_way(row, row.missing)
        self._settle(row)

    def _take_heartbeat(self, row: ManagerRow, message: protocol.Heartbeat) -> None:
        row.running = len(message.running)
        row.capacity = message.capacity
        self._review(row)

    def _send_functions(self, row: ManagerRow, message: protocol.NeedFunction) -> None:
        manager = row.register.manager
        row.functions.difference_update(message.hashes)
        if functions := self._functions_for(row, message.hashes):
            self._effects.append(Give(manager, functions, [], {}))

    def _take_cancelled(self, row: ManagerRow, message: protocol.Cancelled) -> None:
        self._report(message)
        self._release(row, message.attempts)
        self._settle(row)

    def _take_drain(self, row: ManagerRow, message: protocol.Drain) -> None:
        if not row.draining:
            self._drain(row, message.reason or "it asked for it")

    def _take_goodbye(self, row: ManagerRow, message: protocol.Goodbye) -> None:
        row.leaving = message.reason or "it ended"
        self._rows.changed = True
        self._lose(row, row.left_behind(message))
        self._settle(row)

    # --- the end of a turn

    def _end_turn(self, event: TurnEnded) -> None:
        if event.now >= self._next_beat:
            self._beat(event.now)
        for manager in self._unreached.over(event.now):
            self._give_up(self._rows[manager], "it cannot be reached", event.now)
        if len(self._backlog) and not self._stopping:
            if self._lifetimes is None:
                widest = self._rows.widest() if self._plain.wide else 1
                dealt = self._openings.deal(self._plain, widest, len(self._rows))
            else:
                dealt = self._lifetimes.deal(event.now)
            for row, items in dealt.items():
                self._give(row, items)
        if self._to_acknowledge:
            for manager in self._to_acknowledge & self._rows.keys():
                self._tell(manager, protocol.Acknowledged(self._rows[manager].acknowledge))
            self._to_acknowledge.clear()
        if edges := self._idleness.edges(event.now):
            self._report(protocol.BlockIdle(edges))
        if self._lifetimes is not None and (count := self._lifetimes.news(event.now)) is not None:
            self._report(protocol.Stranded(count))

    def _give(self, row: ManagerRow, items: list[TaskItem]) -> None:
        manager = row.register.manager
        new = {item.function for item in items} - row.functions
        functions = self._functions_for(row, new) if new else []
        sequence = row.acknowledge if manager in self._to_acknowledge else 0
        self._to_acknowledge.discard(manager)
        self._effects.append(Give(manager, functions, items, self._backlog.buffers_of(items), sequence))
        self._note_busy(row)

    def _functions_for(self, row: ManagerRow, hashes: Iterable[bytes]) -> list[Function]:
        found, unknown = self._cache.find(hashes, row.register.manager)
        row.functions.update([function.hash for function in found])
        if unknown:
            self._report(protocol.NeedFunction(unknown), "data")
        return found

    def _beat(self, now: float) -> None:
        """Once per period: heartbeats to all, and the managers that have been silent for too long."""
        # An interchange that was itself stopped or starved for a while has not listened: nobody is blamed for that.
        late = now - self._next_beat
        self._next_beat = now + self._period
        self._early.end_period()
        beat = protocol.Heartbeat(now)
        for manager, row in list(self._rows.items()):
            if late > self._period:
                row.heard = min(now, row.heard + late)
            silence = now - row.heard
            if silence > (min(2 * self._period, self._threshold) if row.over else self._threshold):
                self._give_up(row, f"nothing was heard of it for {silence:.0f} s", now)
                continue
            if row.missing and now - row.missing_since > self._threshold:
                self._lose_on_the_way(row, row.missing)
            self._tell(manager, beat)
        self._report(beat)
        if wanted := self._cache.wanted():
            self._report(protocol.NeedFunction(wanted), "data")

    # --- managers go

    def _give_up(self, row: ManagerRow, reason: str, now: float) -> None:
        held = sorted(row.held)
        if row.over or row.leaving:
            reason = f"{row.over or row.leaving}; {reason}"
        elif row.running:
            reason += f"; {row.running} of its {len(held)} tasks ran when it last said so"
        self._tell(row.register.manager, protocol.Stop("this manager was given up"))
        # Whatever it held may have begun since it was last heard.
        self._lose(row, row.loss(reason, started=held, over=row.was_cut_off(now, self._period)))
        self._forget(row, "ended" if row.leaving or (row.over and not held) else "lost", reason)

    def _lose(self, row: ManagerRow, lost: protocol.Lost) -> None:
        if lost.started or lost.unstarted:
            self._report(lost)
            self._release(row, lost.started + lost.unstarted)

    def _lose_on_the_way(self, row: ManagerRow, missing: set[int]) -> None:
        """Tell that attempts never reached their manager; should they still come there, they are not run."""
        lost = sorted(missing & row.held)
        row.missing = set()
        if lost:
            self._tell(row.register.manager, protocol.Cancel(lost))
            self._lose(row, row.loss("its connection broke while they were on the way", unstarted=lost))

    def _drain(self, row: ManagerRow, reason: str) -> None:
        row.draining = self._rows.changed = True
        self._tell(row.register.manager, protocol.Drain([row.register.block]))
        self._report(news_of(row.register, "draining", len(row.held), reason))
        self._review(row)

    def _settle(self, row: ManagerRow) -> None:
        """After a manager holds less: it is done if it only waited for that."""
        if row.leaving and not row.held:
            self._forget(row, "ended", row.leaving)
        else:
            self._review(row)

    def _forget(self, row: ManagerRow, what: Literal["ended", "lost"], reason: str) -> None:
        manager = row.register.manager
        self._release(row, list(row.held))
        self._rows.remove(row)
        self._openings.remove(row)
        self._idleness.leave(row.register.block)
        self._linked.discard(manager)
        self._unreached.discard(manager)
        self._gone.add(manager)
        self._report(news_of(row.register, what, 0, reason))

    def _release(self, row: ManagerRow, attempts: Collection[int]) -> None:
        row.release(attempts)
        self._review(row)

    def _review(self, row: ManagerRow) -> None:
        """After any change of what a manager holds or wants."""
        self._openings.review(row)
        self._note_busy(row)

    def _note_busy(self, row: ManagerRow) -> None:
        if row.busy != bool(row.held):
            row.busy = not row.busy
            self._idleness.count(row.register.block, 1 if row.busy else -1)

    # --- words

    def _tell(self, manager: bytes, message: protocol.Message) -> None:
        self._effects.append(Tell(manager, message))

    def _report(self, message: protocol.Message, link: Literal["data", "control"] = "control") -> None:
        self._effects.append(Report(message, link))

    def _ask_to_register(self, manager: bytes) -> None:
        self._tell(manager, protocol.Registered(protocol.PRESENT_YOURSELF, self._period, self._threshold))

    def validate(self) -> None:
        """Check every invariant; for tests.

        Raises:
            InternalConsistencyError: naming the one that is broken.
        """
        try:
            self._idleness.validate(self._rows.validate([item.attempt for item in self._backlog]))
            self._openings.validate(self._rows)
            self._backlog.validate()
        except ValueError as error:
            raise InternalConsistencyError(str(error)) from error
