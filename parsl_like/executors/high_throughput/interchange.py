"""The broker between one driver and the managers of its blocks: ``python -m`` this module, with InterchangeOptions.

One thread waits for links and for the next deadline of the placement machine, and for nothing else. In each turn it
takes everything that has come, lets the machine decide once, and touches each link once per batch. Results pass
through as they came, and nothing is ever unpickled here.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import platform
import shutil
import sys
import time
import traceback
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from parsl_like.errors import BadMessage, ConfigurationError
from parsl_like.errors import ManagerLost as ManagerLost  # noqa: PLC0414 - programs look for it here
from parsl_like.errors import VersionMismatch as VersionMismatch  # noqa: PLC0414 - as above
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.delivery import Delivery
from parsl_like.executors.high_throughput.exchange.departures import Departures
from parsl_like.executors.high_throughput.exchange.early import EarlyResults
from parsl_like.executors.high_throughput.exchange.listeners import open_listeners
from parsl_like.executors.high_throughput.exchange.liveness import DriverWatch, wake_up_by_signals
from parsl_like.executors.high_throughput.exchange.notices import Notices
from parsl_like.executors.high_throughput.exchange.placement import PlacementMachine
from parsl_like.executors.high_throughput.exchange.placement_events import (
    Event,
    FromDriver,
    FromManager,
    LinkOpened,
    ManagerEnded,
    Tell,
    TurnEnded,
)
from parsl_like.executors.high_throughput.exchange.roster import Membership
from parsl_like.executors.high_throughput.exchange.succession import Succession
from parsl_like.executors.high_throughput.keys import load_keys
from parsl_like.executors.high_throughput.links.local import SCHEME, LocalDialer, LocalListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.manager_selector import block_order
from parsl_like.executors.high_throughput.options import InterchangeOptions
from parsl_like.executors.high_throughput.places import allow_many_files
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.executors.high_throughput.authentication import Authenticator
    from parsl_like.executors.high_throughput.keys import RoleKeys
    from parsl_like.executors.high_throughput.links.port import Channel, Link, Parting
    from parsl_like.executors.high_throughput.links.tcp import Context, TcpListener

logger = logging.getLogger("parsl_like.interchange")

STOP_SECONDS = 2.0
"""How long managers may take to say goodbye when everything ends."""

LINGER_MS = 500
"""How long the last messages may take to leave, in milliseconds."""

TURN_MESSAGES = 1000
"""How many messages of one link are taken before the others have their turn."""

FAILED = 70
"""Exit code after an error that should not be (``EX_SOFTWARE`` of sysexits.h)."""


MOST_WORDS = 500
"""Characters of a manager's notice that are passed on."""


def _manager_name(parts: list[Any]) -> str:
    return f"manager {parts[0][:64].decode(errors='replace')}"


class Interchange:
    """The links around a placement machine.

    Args:
        options: What the driver said.
        stack: Closes what is opened here.
    """

    def __init__(self, options: InterchangeOptions, stack: ExitStack) -> None:
        self._options = options
        self._period = options.heartbeat_period
        now = time.monotonic()
        self._machine = self._new_machine(now)
        self._succession = Succession(options)
        self._watch = DriverWatch(options.driver_pid, options.driver_started, options.heartbeat_threshold)
        self._next_check = now + self._period
        self._notices = Notices()
        self._early = EarlyResults()
        self._end_by: float | None = None
        self.driver_is_gone = False
        self._authenticator: Authenticator | None = None
        self._sources: dict[Any, tuple[int, Callable[[Any, float], None]]] = {}
        self._waiter = Waiter()
        stack.callback(self._waiter.close)
        self._departures = Departures(self._waiter)
        self._sources[self._departures] = (8, self._take_departures)
        stack.callback(self._departures.close)
        self._open(options, stack)

    def _new_machine(self, now: float) -> PlacementMachine:
        options = self._options
        return PlacementMachine(
            Membership(options.run_id, platform.python_version(), VERSION),
            incarnation=options.incarnation,
            period=options.heartbeat_period,
            threshold=options.heartbeat_threshold,
            rank=block_order if options.manager_selector == "block_id" else None,
            now=now,
        )

    def _open(self, options: InterchangeOptions, stack: ExitStack) -> None:
        local = options.driver.data.startswith(SCHEME)
        keys = load_keys(options.cert_dir, "interchange") if options.cert_dir else None
        context = None if local and options.transport == "ipc" else self._open_tcp(keys, stack)
        allow_many_files()
        listeners = open_listeners(None if options.transport == "ipc" else context, options, keys)
        self._guard([*listeners.data, *listeners.control])
        control, data = (_to_driver(context, options, link, keys) for link in ("control", "data"))
        self._delivery = Delivery(control, data)
        # Control comes before data: heartbeats and cancellations do not wait behind large values.
        self._serve(1, [control], self._drain_driver, stack)
        self._serve(2, listeners.control, partial(self._drain_manager, "control"), stack)
        self._serve(3, listeners.data, partial(self._drain_manager, "data"), stack)
        self._serve(4, [data], self._drain_driver, stack)
        if self._watch.pipe is not None:
            self._listen_to(self._watch.pipe, self._take_pipe)
        self._listen_to(wake_up_by_signals(stack), self._take_signals)
        for link in ("control", "data"):  # a driver can only send on a link from which it has heard
            self._delivery.say(listeners.ready(options.incarnation), link)
        logger.info("listening for managers at %s", ", ".join(listeners.local + listeners.remote))
        if listeners.remote and (keys is None or not keys.encrypted):
            who = "anyone who reaches it can join" if keys is None else "anyone on the way can read along and join"
            self._notices.add(f"links to managers at {listeners.remote[0]} are NOT encrypted: {who}")

    def _open_tcp(self, keys: RoleKeys | None, stack: ExitStack) -> Context:
        """What sockets on TCP live in; with keys, nobody gets in who does not hold one."""
        import zmq

        context: Context = zmq.Context()
        stack.callback(context.destroy, linger=LINGER_MS)
        if keys is not None:
            from parsl_like.executors.high_throughput.authentication import Authenticator

            allowed = {role: [key] for role, key in keys.peers.items()}
            self._authenticator = authenticator = Authenticator(context, allowed, keys.mechanism)
            self._sources[authenticator] = (0, self._authenticate)
            authenticator.watch(self._waiter)
        return context

    def _guard(self, listeners: Sequence[Channel]) -> None:
        for listener in listeners:
            if self._authenticator is not None and not isinstance(listener, LocalListener):
                self._authenticator.guard(cast("TcpListener", listener))

    def _serve(
        self, rank: int, channels: Sequence[Channel], take: Callable[[Any, float], None], stack: ExitStack
    ) -> None:
        for channel in channels:
            self._sources[channel] = (rank, take)
            channel.watch(self._waiter)
            stack.callback(channel.close, LINGER_MS)

    def _listen_to(self, descriptor: int, take: Callable[[Any, float], None]) -> None:
        self._sources[descriptor] = (9, take)
        self._waiter.add(descriptor, descriptor)

    # --- turns

    def run(self) -> None:
        """Serve until told to end, or until there is nobody to serve."""
        while self._end_by is None or (self._machine.managers() and time.monotonic() < self._end_by):
            for notice in self._notices.fresh():
                self._say(notice)
            deadline = min(self._machine.deadline(), self._next_check, self._end_by or math.inf)
            ready = self._waiter.wait(deadline - time.monotonic())
            if len(ready) > 1:
                ready.sort(key=self._rank)
            now = time.monotonic()
            for source in ready:
                self._sources[source][1](source, now)
            while self._act(TurnEnded(now)):
                pass
            if now >= self._next_check:
                self._check(now)
        self._delivery.say(protocol.Goodbye("the interchange ended in good order"))

    def _rank(self, source: Any) -> int:
        return self._sources[source][0]

    def _check(self, now: float) -> None:
        if reason := self._watch.gone(now):
            self._driver_ended(reason, now)
        if self._succession.is_over(now):
            self._end("no driver has come in the place of the one that died", now)
        until = self._succession.until
        self._next_check = min(now + self._period, until) if now < until else now + self._period
        self._early.end_period()
        for notice in self._notices.end_period():
            self._say(notice)

    def _say(self, notice: protocol.Notice) -> None:
        logger.warning("%s (%d)", notice.text, notice.count)
        self._delivery.say(notice)

    def _end(self, reason: str, now: float) -> None:
        if self._end_by is None:
            logger.info("ending: %s", reason)
            self._end_by = now + STOP_SECONDS
            self._act(FromDriver(protocol.Stop(reason)))

    def _driver_ended(self, reason: str, now: float) -> None:
        """There is nothing more to do, unless another driver may come: then managers are kept, without their tasks."""
        if self.driver_is_gone:
            return
        self.driver_is_gone = True
        if self._watch.dismissed or not self._watch.seen_to_end or not self._succession.begin(now):
            self._end(reason, now)
            return
        logger.info("%s; managers wait %g s for another driver", reason, self._succession.until - now)
        self._next_check = min(self._next_check, self._succession.until)
        self._machine = self._new_machine(now)
        ask = protocol.Registered(protocol.PRESENT_YOURSELF, self._period, self._options.heartbeat_threshold)
        for manager in self._delivery.known():
            self._delivery.carry_out(Tell(manager, ask))

    def _take_pipe(self, pipe: int, now: float) -> None:
        if reason := self._watch.pipe_ended():
            self._waiter.remove(pipe)
            self._driver_ended(reason, now)

    def _take_signals(self, pipe: int, now: float) -> None:
        numbers = os.read(pipe, 4096)
        self._end(f"the interchange was told to by signal {numbers[0]}", now)

    def _take_departures(self, departures: Departures, now: float) -> None:
        departures.handle(lambda manager: self._act(ManagerEnded(manager, now)))

    def _authenticate(self, authenticator: Authenticator, now: float) -> None:
        authenticator.handle()
        for who, count in authenticator.strangers().items():
            self._notices.add(f"a connection was refused: {who}", count, "stranger")

    # --- what comes

    def _drain(
        self, channel: Channel, take: Callable[[list[Any]], None], sender: Callable[[list[Any]], str] = _manager_name
    ) -> None:
        for _ in range(TURN_MESSAGES):
            parts = channel.receive()
            if parts is None:
                return
            try:
                take(parts)
            except BadMessage as error:
                self._notices.add(f"a message from {sender(parts)} was dropped: {error}", kind="dropped")
        self._waiter.again(channel)

    def _drain_driver(self, channel: Channel, now: float) -> None:
        def take(parts: list[Any]) -> None:
            message = protocol.decode(parts[0])
            self._watch.heard(now, beat=isinstance(message, protocol.Heartbeat))
            if self.driver_is_gone:  # what it had said last, before it died
                return
            if isinstance(message, protocol.Stop | protocol.Goodbye):
                self._end(f"the driver said so: {message.reason}", now)
            else:
                self._act(FromDriver(message, parts[1:]))

        self._drain(channel, take, lambda _parts: "the driver")

    def _drain_manager(self, link: Link, channel: Channel, now: float) -> None:
        def take(parts: list[Any]) -> None:
            manager, frame = parts[0], parts[1]
            self._delivery.learn(manager, link, channel)
            if not frame:
                self._departures.opened(manager, link)
                self._act(LinkOpened(now, manager, link))
                return
            message = protocol.decode_from(manager, frame)
            if type(message) is protocol.Notice:
                self._notices.add(f"{_manager_name(parts)}: {message.text[:MOST_WORDS]}", kind=message.kind)
                return
            if type(message) is protocol.Register and (order := self._succession.order_for(message)):
                self._delivery.carry_out(Tell(manager, order))
                return
            if type(message) is protocol.Results:
                self._pass_on(manager, message, frame, parts[2:])
            self._act(FromManager(now, manager, message))
            if type(message) is protocol.Register:
                early = self._early.take(manager)
                for batch in early if self._machine.knows(manager) else ():
                    self._delivery.forward(*batch)
                if self._succession.waits and message.held:  # tasks of a driver that is dead
                    self._act(FromDriver(protocol.Cancel(message.held)))

        self._drain(channel, take)
        for parting in channel.partings():
            self._note_parting(parting, link)

    def _pass_on(self, manager: bytes, results: protocol.Results, frame: bytes, parts: list[Any]) -> None:
        if results.manager != manager:
            raise BadMessage(f"results of {results.manager!r} came from {manager!r}")
        if self._machine.knows(manager):
            self._delivery.forward(frame, parts)
        elif self._machine.has_given_up(manager):
            late = f"late results of {_manager_name([manager])} were dropped: it had been given up"
            self._notices.add(late, len(results.attempts), "stale")
        else:
            self._early.keep(manager, frame, parts)

    def _note_parting(self, parting: Parting, link: Link) -> None:
        if parting.reason:
            who = _manager_name([parting.identity]) if parting.identity else f"process {parting.process}"
            self._notices.add(f"a connection of {who} was closed: {parting.reason}", kind="dropped")
        if parting.identity:
            self._departures.closed(parting.identity, link, parting.process)

    def _act(self, event: Event) -> bool:
        """Let the machine decide and do what it says; True if some of it could not be done, so that it decides anew."""
        again = False
        for effect in self._machine.handle(event):
            if failed := self._delivery.carry_out(effect):
                again = True
                self._act(failed)
        return again


def _to_driver(context: Context | None, options: InterchangeOptions, link: Link, keys: RoleKeys | None) -> Channel:
    url = getattr(options.driver, link)
    if context is None or url.startswith(SCHEME):
        return LocalDialer(url, protocol.INTERCHANGE)
    from parsl_like.executors.high_throughput.links.tcp import TcpDialer

    return TcpDialer(context, url, protocol.INTERCHANGE, link=link, keys=keys, peer="driver", patient=True)


def _remove_what_the_driver_made(options: InterchangeOptions) -> None:
    """Sockets and keys are removed by whoever lives longest; the driver does so too, if it can."""
    for directory in filter(None, (options.ipc_dir, options.cert_dir)):
        shutil.rmtree(directory, ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run an interchange to its end; gives the exit code.

    Args:
        argv: The command line; None for the one of this process.
    """
    try:
        options = InterchangeOptions.from_argv(sys.argv[1:] if argv is None else argv)
    except ConfigurationError as error:
        print(f"interchange: {error} It is started by an executor.", file=sys.stderr)  # noqa: T201
        return FAILED
    try:
        os.makedirs(options.logdir, exist_ok=True)
        logging.basicConfig(
            filename=os.path.join(options.logdir, "interchange.log"),
            level=logging.DEBUG if options.debug else logging.INFO,
            format="%(asctime)s %(levelname)s %(message)s",
        )
        logger.info("interchange %d of executor %s, pid %d", options.incarnation, options.label, os.getpid())
        with ExitStack() as stack:
            interchange = Interchange(options, stack)
            gc.freeze()
            interchange.run()
        if interchange.driver_is_gone:
            _remove_what_the_driver_made(options)
    except Exception:  # the root of the process: whoever started it reads its stderr and its exit code
        logger.exception("the interchange failed")
        traceback.print_exc()
        return FAILED
    logger.info("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
