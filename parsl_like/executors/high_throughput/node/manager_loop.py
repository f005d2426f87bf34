"""The one thread of a manager: it waits for its links, its workers, signals and the next deadline."""

from __future__ import annotations

import logging
import math
import os
import platform
import time
from typing import TYPE_CHECKING, Any

import msgspec

from parsl_like.errors import BadMessage, ExecutorError
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.node import orphans
from parsl_like.executors.high_throughput.node.crew import Crew
from parsl_like.executors.high_throughput.node.facts import package_versions, seconds_left
from parsl_like.executors.high_throughput.node.joining import join_patiently
from parsl_like.executors.high_throughput.node.lifetime import Lifetime
from parsl_like.executors.high_throughput.node.outbox import Outbox
from parsl_like.executors.high_throughput.node.succession import TakenOver
from parsl_like.executors.high_throughput.node.workers import END_S
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from parsl_like.executors.high_throughput.links.port import Channel
    from parsl_like.executors.high_throughput.node.facts import Node
    from parsl_like.executors.high_throughput.node.signals import Signals
    from parsl_like.executors.high_throughput.node.uplink import Uplink
    from parsl_like.executors.high_throughput.node.workers import WorkerPool
    from parsl_like.executors.high_throughput.options import ManagerOptions

logger = logging.getLogger("parsl_like.manager")

SETTLE_S = 0.2
"""A drained manager waits so long for what may still be on its way to it."""

LINGER_MS = 5000
"""How long the last results may take to leave, in milliseconds, when the manager ends in order."""

FAILED_LINGER_MS = 500
"""The same when it ends because something is wrong."""

TOGETHER_S = 0.5
"""A batch system tells all processes of a node to end, in any order: within so many seconds of each other."""

TURN_MESSAGES = 1000
"""How many messages of one link are taken before the others have their turn."""


class Manager:
    """A node's manager, once it has been taken by an interchange.

    Args:
        options: What it was told.
        register: How it presented itself.
        uplink: Its links.
        pool: Its workers.
        signals: Tells of workers that ended, and of requests to end.
        life: When it ends by itself.

    Attributes:
        failure: Why it ended, if that was not because it was told to.
        order: What it is to become, if another run wants it.
    """

    def __init__(
        self,
        options: ManagerOptions,
        register: protocol.Register,
        uplink: Uplink,
        pool: WorkerPool,
        signals: Signals,
        life: Lifetime,
    ) -> None:
        self._label = options.label
        self._register = register
        self._uplink = uplink
        self._pool = pool
        self._signals = signals
        self._outbox = Outbox(register.manager)
        self._life = life
        self._crew = Crew(pool, self._outbox, register.hostname, options.prefetch, life)
        self._draining = False
        self._quiet_since = math.inf
        self._leaving = ""
        self._leave_by = math.inf
        self._bury_at = math.inf
        self.failure: ExecutorError | None = None
        self.order: protocol.Adopted | None = None
        self._returned: list[int] = []
        self._abandoned: dict[int, float] = {}
        self._expired = False
        self._waiter = Waiter()
        self._take: dict[type, Callable[[Any, list[Any], float], None]] = {
            protocol.Function: lambda message, parts, now: self._crew.take_function(message, now),
            protocol.Tasks: self._take_tasks,
            protocol.Registered: self._take_registered,
            protocol.Refused: lambda message, parts, now: self._fail(
                f"the interchange refused it: {message.reason}", now
            ),
            protocol.Heartbeat: lambda message, parts, now: None,
            protocol.Drain: lambda message, parts, now: self._drain("the interchange asked for it", now),
            protocol.Cancel: lambda message, parts, now: self._crew.cancel(message.attempts, now),
            protocol.Acknowledged: lambda message, parts, now: self._outbox.acknowledge(message.sequence),
            protocol.Stop: lambda message, parts, now: self._leave(f"the interchange said so: {message.reason}", now),
            protocol.Adopted: self._take_order,
        }

    # --- turns

    def run(self) -> int:
        """Serve until told to end, until drained, or until the interchange is gone; then its workers are gone, too.

        Gives how many milliseconds its last words may take to leave.
        """
        self._signals.children = True
        for source in (self._signals, self._pool):
            self._waiter.add(source.fileno(), source)
        self._uplink.watch(self._waiter)
        for channel in (self._uplink.control, self._uplink.data):  # more may have come with the interchange's answer
            self._waiter.again(channel)
        now = time.monotonic()
        if self._life.ends < math.inf:  # it may have taken its time to be taken
            self._register = msgspec.structs.replace(self._register, life=self._life.left(now))
            self._uplink.tell(self._present())
        for parts in self._uplink.early:
            self._hear(parts, now)
        while not self._is_over(now):
            ready = self._waiter.wait(self._deadline() - now)
            now = time.monotonic()
            self._turn(ready, now)
        self._uplink.tell(self._goodbye())
        logger.info("ended: %s", self._leaving)
        return LINGER_MS if self.failure is None and self.order is None else FAILED_LINGER_MS

    def _turn(self, ready: Collection[Any], now: float) -> None:
        # Control comes before data: what is cancelled need not begin.
        for channel in (self._uplink.control, self._uplink.data):
            if channel in ready:
                self._receive(channel, now)
        if self._pool in ready:
            self._crew.collect(now)
        if self._signals in ready:
            self._signals.take()
        if self._signals.ending:
            self._leave(f"it got {self._signals.ending}", now)
        if self._signals.children:
            self._bury(now)
        self._keep_up(now)
        self._send()

    def _deadline(self) -> float:
        crew = self._crew.deadline()
        own = (
            self._leave_by
            if self._leaving
            else min(self._uplink.deadline(), self._life.look_at, self._quiet_since + SETTLE_S, self._bury_at)
        )
        return own if crew is None else min(own, crew)

    def _is_over(self, now: float) -> bool:
        return bool(self._leaving) and (self._pool.is_empty() or now >= self._leave_by)

    def _keep_up(self, now: float) -> None:
        self._watched(self._crew.keep_up, now)
        if self._leaving:
            return
        if (silence := self._uplink.silent_for(now)) is not None:
            self._fail(
                f"nothing was heard of the interchange at {self._uplink.endpoint.control} for {silence:.0f} s", now
            )
        else:
            if self._uplink.is_adrift(now):
                self._crew.cancel(self._crew.held(), now)  # the tasks of a driver that is dead
            self._uplink.keep_up(now, self._present, self._heartbeat)
            self._go_on_draining(now)

    def _bury(self, now: float) -> None:
        """Account for dead workers; for those that were told to end by others only when this process was surely not."""
        if not self._leaving and now < self._bury_at and self._pool.has_been_told():
            self._bury_at = min(self._bury_at, now + TOGETHER_S)
            return
        self._bury_at = math.inf
        self._signals.children = False
        self._watched(self._crew.bury, now)
        orphans.reap(self._pool.pids())

    def _watched(self, step: Callable[[float], None], now: float) -> None:
        """Do what may find that workers cannot be started; then the manager ends."""
        try:
            step(now)
        except ExecutorError as error:
            self.failure = error
            self._leave(str(error), now)

    # --- what comes

    def _receive(self, channel: Channel, now: float) -> None:
        for _ in range(TURN_MESSAGES):
            parts = channel.receive()
            if parts is None:
                return
            self._uplink.heard = now
            self._hear(parts, now)
        self._waiter.again(channel)

    def _hear(self, parts: list[Any], now: float) -> None:
        try:
            message = protocol.decode(parts[0])
            take = self._take.get(type(message))
            if take is None:
                raise BadMessage(f"a {type(message).__name__} is not for a manager")
            take(message, parts, now)
        except BadMessage as error:
            logger.warning("dropped a message: %s", error)
            self._uplink.tell(protocol.Notice(f"a message to it was dropped: {error}", kind="dropped"))

    def _take_tasks(self, message: protocol.Tasks, parts: list[Any], now: float) -> None:
        for manager, sequence in message.acknowledged:
            if manager == self._register.manager:
                self._outbox.acknowledge(sequence)
        if self._draining or self._leaving:
            self._crew.hand_back(message.items, f"manager {self._register.manager.decode()} takes nothing new")
        elif missing := self._crew.take_tasks(message.items, parts[1:], now):
            self._uplink.send(protocol.encode(protocol.NeedFunction(sorted(missing))))

    def _take_registered(self, message: protocol.Registered, parts: list[Any], now: float) -> None:
        if self._uplink.take(message, now):
            logger.info("joined incarnation %d of the interchange (again)", message.incarnation)
            for batch in self._outbox.unacknowledged():
                self._uplink.send(batch.frame, batch.parts)
            if lacking := self._crew.lacking():  # what was asked for, or sent, may have been lost with a link
                self._uplink.send(protocol.encode(protocol.NeedFunction(lacking)))

    def _take_order(self, message: protocol.Adopted, parts: list[Any], now: float) -> None:
        self.order = message
        self._leave(f"its driver has died, and run {message.run_id} takes it over", now)

    # --- what goes

    def _send(self) -> None:
        if cancelled := self._crew.take_cancelled():
            self._uplink.tell(protocol.Cancelled(cancelled))
        if not self._outbox or not self._uplink.registered:
            return
        for batch in self._outbox.batches(self._crew.capacity()):
            self._uplink.send(batch.frame, batch.parts)

    def _present(self) -> protocol.Register:
        batches = self._outbox.unacknowledged()
        now = time.monotonic()
        self._crew.doubt(frozenset(self._outbox.attempts()))
        return msgspec.structs.replace(
            self._register,
            capacity=self._crew.capacity(),
            ends=self._life.block_left(now),
            leaves=self._life.left(now),
            held=self._crew.held(),
            unacknowledged=[batch.sequence for batch in batches],
            finished=self._outbox.attempts(),
        )

    def _heartbeat(self) -> protocol.Heartbeat:
        return protocol.Heartbeat(time.monotonic(), self._crew.running(), self._crew.capacity())

    # --- the end

    def _drain(self, reason: str, now: float) -> None:
        if not self._draining:
            logger.info("draining: %s", reason)
            self._draining = True
            self._life.drain()
            if self._life.is_short:
                self._crew.take_nothing_new(now)

    def _go_on_draining(self, now: float) -> None:
        if now >= self._life.look_at:
            self._heed_the_time(now)
        if self._leaving:
            return
        if not self._draining or len(self._crew):
            self._quiet_since = math.inf
        elif self._outbox:  # what is in it leaves at the end of this turn, if the interchange can be reached
            self._quiet_since = now
        elif now >= self._quiet_since + SETTLE_S:
            self._leave("it is drained", now)
        else:
            self._quiet_since = min(self._quiet_since, now)

    def _heed_the_time(self, now: float) -> None:
        if now >= self._life.ends:
            self._expired = True
            self._leave(protocol.TIME_IS_UP, now)
        elif not self._draining and (reason := self._life.reason_to_drain(now)):
            # The interchange stops giving, then says so: what comes until then is still taken. A link may be down now.
            self._life.look_again(now + self._uplink.period)
            self._uplink.tell(protocol.Drain([self._register.block], reason))

    def _fail(self, reason: str, now: float) -> None:
        if not self._leaving:
            manager, host = self._register.manager.decode(), self._register.hostname
            self.failure = ExecutorError(self._label, f"manager {manager} on {host} ends: {reason}")
        self._leave(reason, now)

    def _goodbye(self) -> protocol.Goodbye:
        finished = self._outbox.attempts()
        abandoned = sorted({*self._crew.held()}.difference(self._returned, finished))
        ran = [self._abandoned.get(attempt, 0.0) for attempt in abandoned]
        return protocol.Goodbye(self._leaving, self._returned, abandoned, finished, ran, self._expired)

    def _leave(self, reason: str, now: float) -> None:
        if not self._leaving:
            logger.info("ending: %s", reason)
            self._leaving = reason
            self._leave_by = now + END_S
            if not self._draining:  # or what is handed back would come again
                self._uplink.tell(protocol.Drain([self._register.block]))
            self._abandoned = self._crew.ages(now)
            self._returned = self._crew.stop(now)


def manage(options: ManagerOptions, name: str, node: Node, pool: WorkerPool, signals: Signals) -> None:
    """Join an interchange and serve it to the end.

    Args:
        options: What the manager was told.
        name: Its name.
        node: Where it runs.
        pool: Its workers, already started.
        signals: Signals that have come.

    Raises:
        ExecutorError: if it ends for another reason than that it was told to.
        TakenOver: if another run wants it.
        ConfigurationError: if its key cannot be used.
        OSError: if its key cannot be read.
    """
    now = time.monotonic()
    life = Lifetime(now, seconds_left(os.environ, time.time()), options.drain_period)
    register = protocol.Register(
        version=protocol.PROTOCOL_VERSION,
        run_id=options.run_id,
        manager=name.encode(),
        block=options.block_id,
        hostname=node.hostname,
        pid=os.getpid(),
        slots=len(pool),
        capacity=len(pool) + (options.prefetch or 0),
        cores=node.cores,
        memory=node.memory,
        accelerators=list(options.accelerators),
        python=platform.python_version(),
        package=VERSION,
        packages=package_versions(),
        transport=options.transport or "",
        ends=life.block_left(now),
        leaves=life.left(now),
        life=life.left(now),
    )
    uplink = join_patiently(options, register, signals)
    if uplink is None:
        logger.info("ended: it got %s before it had joined", signals.ending)
        return
    logger.info("joined the interchange at %s", uplink.endpoint.control)
    linger = 0
    try:
        manager = Manager(options, register, uplink, pool, signals, life)
        linger = manager.run()
    finally:
        uplink.close(linger)
    if manager.order is not None:
        raise TakenOver(options, manager.order)
    if manager.failure is not None:
        raise manager.failure
