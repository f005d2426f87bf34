"""The driver's side of the high-throughput executor: one interchange process, two links, no thread of its own.

The kernel's owner thread polls the links (``fds``), takes what has come (``pump``) and hands attempts over
(``submit``). What other threads ask for (drain, the end of a block) is queued and sent by the next ``pump``.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from parsl_like.core.events import EventType, RawEvent
from parsl_like.core.ids import BlockId
from parsl_like.core.records import Record
from parsl_like.core.troubles import Troubles
from parsl_like.errors import (
    BadMessage,
    BadStateException,
    InterchangeLostError,
    InvalidResourceSpecification,
    ManagerLost,
    SerializationError,
)
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.broker import Broker
from parsl_like.executors.high_throughput.doubt import Doubt
from parsl_like.executors.high_throughput.inquiries import Inquiries
from parsl_like.executors.high_throughput.links.port import LARGE
from parsl_like.executors.high_throughput.managers import ConnectedManagers
from parsl_like.executors.high_throughput.protocol import (
    OUTCOME_LOST,
    OUTCOME_VALUE,
    Function,
    Message,
    ResultItem,
    TaskItem,
    Tasks,
)
from parsl_like.executors.high_throughput.results import Arrivals, failure_event, outcome_events, without_news
from parsl_like.executors.high_throughput.walltimes import Walltimes
from parsl_like.plugins.markers import hookimpl
from parsl_like.serialize.facade import is_plain, unpack
from parsl_like.serialize.segments import Segment, layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.core.ids import AttemptId
    from parsl_like.core.ports import Attempt, BlockKeeper, BlockRequest, RunContext
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor

logger = logging.getLogger(__name__)

READY_SECONDS = 60.0
"""How long a block waits for the interchange to listen before the executor is given up."""

BATCH_ITEMS = 512
BATCH_BYTES = 1 << 20
BATCH_PARTS = 64

ACKNOWLEDGE_AT = 64
"""Batches of results that may go unacknowledged while there is nothing else to send."""

ACKNOWLEDGE_BYTES = 1 << 20
"""Bytes of large results likewise: a manager keeps them until they are acknowledged."""

_SUCCEEDED = int(EventType.ATTEMPT_SUCCEEDED)
_FAILED = int(EventType.ATTEMPT_FAILED)
_LOST = int(EventType.ATTEMPT_LOST)
_FATAL = float("inf")


class HighThroughputSession(Inquiries):
    """A running high-throughput executor.

    Args:
        description: The sealed description.
        context: The run.
    """

    wants: Literal["objects", "bytes"] = "bytes"

    def __init__(self, description: HighThroughputExecutor, context: RunContext) -> None:
        super().__init__(description, run_dir=context.run.run_dir, run_id=context.run.run_id)
        self._slots_expected = description.workers_per_node * description.nodes_per_block
        self._walltimes = Walltimes(str(context.label), description.block_walltime)
        self.label = context.label
        self.keeper: BlockKeeper | None = None
        self.context = context
        self.managers = ConnectedManagers(without_slots_since=context.clock.wall())
        self.troubles = Troubles()
        self.held: dict[int, Attempt] = {}
        self.error: BaseException | None = None
        self._known_functions: set[bytes] = set()
        self._functions: dict[bytes, Any] = {}
        self._commands: deque[Message] = deque()
        self._events: list[RawEvent] = []
        self._acknowledged: dict[bytes, int] = {}
        self.arrivals: dict[bytes, Arrivals] = {}
        self._unacknowledged = 0
        self._unacknowledged_bytes = 0
        self.stale = 0
        self._ready = threading.Event()
        self._places: dict[tuple[bytes, int], str] = {}
        self._nudge: Callable[[], None] = _nobody
        self._broker = Broker(description, context)
        self._doubt: Doubt | None = None
        self._drained: set[BlockId] = set()
        self._ended: set[BlockId] = set()

    def open(self) -> HighThroughputSession:
        """Bind the links and start the interchange; does not wait for it."""
        self._broker.start()
        return self

    # --- the port: owner thread ----------------------------------------------------------------------------------

    def fds(self) -> Sequence[int]:
        """The two links, and the pipe that ends with the interchange."""
        return self._broker.fds()

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Send attempts in batches, each function before the first task that names it."""
        if self.error is not None or self._walltimes.matter:
            attempts = self._sifted(attempts)
        items: list[TaskItem] = []
        parts: list[Any] = []
        size = 0
        for attempt in attempts:
            function = attempt.function
            if attempt.resources and not self._accepts(attempt):
                continue
            if function.hash not in self._known_functions and not self._introduce(attempt):
                continue
            body, beside = attempt.body, 0
            if attempt.buffers:
                beside = 1
                part = _beside(attempt.buffers)
                if len(part) >= LARGE and items:  # it travels alone: nobody waits for it
                    self._send_tasks(items, parts)
                    items, parts, size = [], [], 0
                parts.append(part)
                size += len(part)
            self.held[attempt.attempt_id] = attempt
            items.append(
                TaskItem(attempt.attempt_id, function.hash, body, beside, attempt.priority, attempt.walltime or 0.0)
            )
            size += len(body)
            if len(items) >= BATCH_ITEMS or size >= BATCH_BYTES or len(parts) >= BATCH_PARTS:
                self._send_tasks(items, parts)
                items, parts, size = [], [], 0
        if items:
            self._send_tasks(items, parts)
        if len(self.held) > self.managers.slots:
            self._nudge()

    def pump(self) -> Sequence[RawEvent]:
        """Everything that has come over both links, as events."""
        broker = self._broker
        while self._commands:
            self._command(self._commands.popleft())
        for parts in broker.receive():
            try:
                self._take(protocol.decode(parts[0]), parts)
            except BadMessage as error:
                self._warn(f"a message of its interchange was dropped: {error}", kind="dropped")
        for who, count in broker.strangers().items():
            self._warn(f"a connection was refused: {who}", count, "stranger")
        if self._unacknowledged >= ACKNOWLEDGE_AT or self._unacknowledged_bytes >= ACKNOWLEDGE_BYTES:
            self._send_tasks([], [])
        if self.error is None:
            if (reason := broker.failure()) is not None:
                self._restart(reason)
            if self._doubt is not None and self._doubt.is_over(time.monotonic()):
                self._resolve(self._doubt)
        events, self._events = self._events, []
        return events

    def deadline(self) -> float:
        """When the interchange has been silent for too long, or all managers should have come back to it."""
        if self.error is not None:
            return math.inf
        return min(self._broker.deadline(), math.inf if self._doubt is None else self._doubt.until)

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Stop attempts; their news is not waited for."""
        live = [attempt for attempt in attempts if self.held.pop(attempt, None) is not None]
        if live:
            # On the data link, behind the tasks themselves: on the other one it could overtake them.
            self._broker.send_data(protocol.encode(protocol.Cancel([int(attempt) for attempt in live])), ())

    def close(self, *, deadline: float) -> None:
        """End interchange and managers; the owner thread must not poll any more."""
        self.error = self.error or BadStateException(self, "the executor was shut down")
        self._ready.set()
        self._broker.stop(deadline)

    # --- the port: jobs thread -----------------------------------------------------------------------------------

    def block_request(self, block: BlockId) -> BlockRequest:
        """What to submit so that a block's managers connect; waits until the interchange listens.

        Raises:
            BadStateException: if it does not, within a minute.
        """
        if not self._ready.wait(READY_SECONDS) or self.error is not None:
            reason = self.error or f"its interchange did not come up within {READY_SECONDS:.0f} s"
            raise BadStateException(self, reason)
        return self._broker.block_request(block)

    def when_crowded(self, nudge: Callable[[], None]) -> None:
        """Call ``nudge`` whenever more is held than connected workers can run at once, and when a manager connects."""
        self._nudge = nudge

    def drain(self, blocks: Sequence[BlockId]) -> None:
        """Let blocks finish what they run, then end."""
        self._later(protocol.Drain(list(blocks)))

    def block_ended(self, block: BlockId, reason: str) -> None:
        """A block's job is over: what its managers held is lost, unless they still speak."""
        self._later(protocol.BlockEnded(block, reason))

    def fail(self, error: BaseException) -> None:
        """Every task, and every later one, ends with ``error``."""
        self._later(_Broken(error))

    def _later(self, message: Any) -> None:
        self._commands.append(message)
        self.context.wake()

    # --- sending -------------------------------------------------------------------------------------------------

    def _sifted(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        if self.error is None:
            return self._walltimes.sift(attempts, self._refuse)
        self._refuse(attempts, self.error)
        return ()

    def _accepts(self, attempt: Attempt) -> bool:
        try:
            self.description.validate_resource_spec(attempt.resources)
        except InvalidResourceSpecification as error:
            self._refuse([attempt], error)
            return False
        return True

    def _refuse(self, attempts: Sequence[Attempt], error: BaseException) -> None:
        self._events.extend((_FAILED, attempt.attempt_id, (error, _FATAL, None)) for attempt in attempts)
        self.context.wake()

    def _introduce(self, attempt: Attempt) -> bool:
        """Send the function of an attempt ahead of it; False if that cannot be done."""
        if len(attempt.function.blob) > protocol.MAX_FUNCTION:
            self._refuse([attempt], _too_large(attempt.function))
            return False
        self._send_function(attempt.function)
        return True

    def _send_function(self, function: Any) -> None:
        self._functions[function.hash] = function
        self._known_functions.add(function.hash)
        self._broker.send_data(protocol.encode(Function(function.hash, function.name, function.blob)), ())

    def _send_tasks(self, items: list[TaskItem], parts: list[Any]) -> None:
        acknowledged = list(self._acknowledged.items())
        self._acknowledged.clear()
        self._unacknowledged = self._unacknowledged_bytes = 0
        self._broker.send_data(protocol.encode(Tasks(items, acknowledged)), parts)

    def _command(self, message: Any) -> None:
        if isinstance(message, _Broken):
            self.fail_now(message.error)
        else:
            if isinstance(message, protocol.Drain):
                self._drained.update(BlockId(block) for block in message.blocks)
            elif isinstance(message, protocol.BlockEnded):
                self._ended.add(BlockId(message.block))
                if self._doubt is not None:
                    self._doubt.ended(self.managers.of_blocks(self._ended))
            self._broker.send_control(protocol.encode(message))

    # --- an interchange that is lost

    def _restart(self, reason: str) -> None:
        """Have another interchange, or be broken; managers go on meanwhile, and tell the new one what they hold."""
        if (refusal := self._broker.restart()) is not None:
            self.fail_now(InterchangeLostError(self, f"{reason} {refusal}", log_path=self._broker.log_path))
            return
        self._warn(f"{reason} It is restarted.", kind="restarted")
        absent = self._doubt.absent if self._doubt is not None else frozenset()
        gone = self.managers.of_blocks(self._ended)
        self._doubt = Doubt(self.held, absent.union(self.managers.live), gone)
        self._known_functions.clear()
        self.stranded = 0
        if self._drained:
            self._later(protocol.Drain(list(self._drained)))

    def _resolve(self, doubt: Doubt) -> None:
        """Nobody else will come back: what is still unaccounted for is lost."""
        self._doubt = None
        reason = "it did not come back to the restarted interchange"
        for manager in doubt.absent:
            if (known := self.managers.live.get(manager)) is not None:
                self._take_news(msgspec.structs.replace(known.news, what="lost", reason=reason))
        attempts, started = doubt.unaccounted(self.held)
        cause = InterchangeLostError(self, f"interchange {self._broker.incarnation - 1} ended, and nobody has the task")
        for attempt in attempts:
            del self.held[attempt]
            self._events.append((_LOST, attempt, (cause, started)))

    def _warn(self, text: str, count: int = 1, kind: str = "warning") -> None:
        self.troubles.note(kind, text, self.context.clock.wall(), count)
        logger.warning("executor %s: %s (%d)", self.label, text, count)
        self._record("warning", str(self.label), {"text": text, "count": count})

    # --- receiving -----------------------------------------------------------------------------------------------

    def _take(self, message: Any, parts: Sequence[Any]) -> None:
        match message:
            case protocol.Results():
                self._take_results(message, parts[1:])
            case protocol.ManagerNews():
                self._take_news(message)
            case protocol.Lost():
                self._take_losses(message)
            case protocol.BlockIdle() | protocol.Stranded():
                self._take_waiting(message)
            case protocol.NeedFunction(hashes):
                for digest in hashes:
                    if digest in self._functions:
                        self._send_function(self._functions[digest])
            case protocol.InterchangeReady():
                self._take_ready(message)
            case protocol.Notice(text, count, kind):
                self.stale += count if kind == "stale" else 0
                self._warn(text, count, kind)
            case _:
                logger.debug("executor %s: no use for a %s", self.label, type(message).__name__)

    def _take_ready(self, message: protocol.InterchangeReady) -> None:
        if len(message.local) % 2 or len(message.remote) % 2:
            raise BadMessage(f"it listens at {message.local} and {message.remote}, which are no pairs")
        self._broker.listening(message)
        self._ready.set()
        if self._doubt is not None:
            self._doubt.listening(time.monotonic())

    def _take_results(self, message: protocol.Results, buffers: Sequence[Any]) -> None:
        """Turn results into events: plain values at once, what may run user code off this thread."""
        held, events, deferred = self.held, self._events, []
        manager, at = message.manager, 0
        arrivals = self.arrivals.setdefault(manager, Arrivals())
        again = arrivals.has(message.sequence)
        for item in self._items_of(message, again=again):
            parts = buffers[at : at + item.buffers] if item.buffers else ()
            at += item.buffers
            if held.pop(item.attempt, None) is None:
                self.stale += not again
                continue
            if item.outcome == OUTCOME_VALUE and not parts and is_plain(item.body):
                report = (item.started, item.ended, self._place(manager, item))
                try:
                    events.append((_SUCCEEDED, item.attempt, (unpack(item.body), report)))
                except Exception as error:  # noqa: BLE001 - bytes that are not what they should be fail their task only
                    events.append(failure_event(item.attempt, error, report))
            elif item.outcome == OUTCOME_LOST:
                events.append((_LOST, item.attempt, (self._handed_back(manager, item), False)))
            else:
                deferred.append((item, parts, self._place(manager, item)))
        if not held:
            held.clear()  # it has grown to the size of the largest crowd
        if deferred:
            self.context.defer(partial(outcome_events, deferred))
        self._acknowledged[manager] = arrivals.add(message.sequence)
        self._unacknowledged += 1
        self._unacknowledged_bytes += sum(len(part) for part in buffers)

    def _handed_back(self, manager: bytes, item: ResultItem) -> ManagerLost:
        known = self.managers.live.get(manager)
        host = known.news.hostname if known else "unknown"
        return ManagerLost(manager, host, bytes(item.body).decode(errors="replace"))

    def _items_of(self, message: protocol.Results, *, again: bool) -> Sequence[ResultItem]:
        """The results of a batch; those of one that cannot be read are lost, since nobody else has them."""
        try:
            items = protocol.decode_items(message.items)
            if len(items) > len(message.attempts):
                record = None if again else self.context.record  # what is sent again has been told
                items = without_news(items, record, str(self.label), self.context.clock.wall())
            if len(items) != len(message.attempts):
                raise BadMessage(f"{len(items)} results came for {len(message.attempts)} attempts")
        except BadMessage as error:
            self._take_losses(
                protocol.Lost(message.manager, "", f"its results cannot be read: {error}", message.attempts, [])
            )
            raise
        return items

    def _place(self, manager: bytes, item: ResultItem) -> str:
        key = (manager, item.worker)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = f"{manager.decode(errors='replace')}:{item.worker}"
        return place

    def _take_news(self, news: protocol.ManagerNews) -> None:
        self.managers.take(news, self.context.clock.wall())
        self._nudge()
        if self._doubt is not None and news.what == "connected":
            self._doubt.returned(news.manager, news.attempts)
        if strays := [attempt for attempt in news.attempts if attempt not in self.held]:
            self._broker.send_data(protocol.encode(protocol.Cancel(strays)), ())
        level = logging.INFO if news.what in ("connected", "ended", "draining") else logging.WARNING
        text = "executor %s: manager %s on %s (block %s) %s %s"
        manager = news.manager.decode(errors="replace")
        if news.what in ("lost", "refused"):
            told = f"manager {manager} on {news.hostname} {news.what}: {news.reason}"
            self.troubles.note(news.what, told, self.context.clock.wall())
        logger.log(level, text, self.label, manager, news.hostname, news.block, news.what, news.reason)
        self._record("node", manager, {"what": news.what, "block": news.block, "host": news.hostname})

    def _take_waiting(self, message: protocol.BlockIdle | protocol.Stranded) -> None:
        """Blocks that wait for tasks, or tasks that wait for blocks."""
        if isinstance(message, protocol.BlockIdle):
            self.managers.idle(message.blocks)
        else:
            self.stranded = message.count
            self._nudge()

    def _take_losses(self, lost: protocol.Lost) -> None:
        for attempt, started, cause in self._walltimes.causes(lost):
            if self.held.pop(attempt, None) is not None:
                self._events.append((_LOST, attempt, (cause, started)))

    def _record(self, kind: str, subject: str, fields: Mapping[str, Any]) -> None:
        self.context.record(Record(kind, self.context.clock.wall(), subject, fields))

    def fail_now(self, error: BaseException) -> None:
        """End everything held with ``error``; on the owner thread."""
        if self.error is None:
            logger.error("executor %s is broken: %s", self.label, error)
        self.error = self.error or error
        self._ready.set()
        held, self.held = self.held, {}
        self._events.extend((_FAILED, attempt, (self.error, _FATAL, None)) for attempt in held)
        self.context.wake()


def _beside(buffers: Sequence[Any]) -> Segment | bytes:
    """The buffers of a call as one part of a message."""
    if (segment := Segment.behind(buffers)) is not None:
        return segment
    try:
        return Segment.written(buffers)
    except OSError:  # no descriptor left, or no room for it as a file
        return b"".join(layout(buffers))


def _too_large(function: Any) -> SerializationError:
    size, most = len(function.blob) / 1e6, protocol.MAX_FUNCTION / 1e6
    reason = f"it is {size:,.0f} MB with all that it refers to, and may be {most:,.0f} MB"
    return SerializationError(f"the function {function.name}", None, f"{reason}; give large data as arguments")


def _nobody() -> None:
    """Nobody looks after the blocks of this executor."""


class _Broken:
    """The order to fail, on its way to the owner thread."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


@hookimpl
def parsl_like_open_executor(description: Any, context: Any) -> HighThroughputSession | None:
    """Open a high-throughput executor."""
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor

    if isinstance(description, HighThroughputExecutor):
        return HighThroughputSession(description, context).open()
    return None


@hookimpl
def parsl_like_executor_types() -> dict[str, type]:
    """The description by its name."""
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor

    return {"HighThroughputExecutor": HighThroughputExecutor}
