"""How a manager finds its interchange and is taken by it."""

from __future__ import annotations

import logging
import os
import select
import time
from typing import TYPE_CHECKING

from parsl_like.errors import BadMessage, ExecutorError
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.keys import load_keys
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.node.probing import reachable
from parsl_like.executors.high_throughput.node.succession import TakenOver
from parsl_like.executors.high_throughput.node.uplink import Uplink

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.keys import RoleKeys
    from parsl_like.executors.high_throughput.node.signals import Signals
    from parsl_like.executors.high_throughput.options import Endpoint, ManagerOptions
    from parsl_like.executors.high_throughput.protocol import Register

logger = logging.getLogger("parsl_like.manager")

ANSWER_S = 10.0
"""Seconds an address that can be reached has to answer a registration, where the user has not said otherwise."""


LOOK_S = 2.0
"""Seconds between two looks for an interchange, where there may be none for a while because the driver has died."""


class NoInterchange(ExecutorError):
    """Nobody was found who takes this manager; says for each address why."""


def join_patiently(options: ManagerOptions, register: Register, signals: Signals) -> Uplink | None:
    """As :func:`join`, but as long as another driver may come in the place of one that has died, tries again."""
    deadline = time.monotonic() + options.reattach
    poll = select.poll()
    poll.register(signals.fileno(), select.POLLIN)
    while True:
        try:
            return join(options, register, signals)
        except NoInterchange as error:
            if time.monotonic() >= deadline:
                raise
            logger.info("%s Looking again in %g s.", error, LOOK_S)
        poll.poll(1000 * LOOK_S)
        signals.take()
        if signals.ending:
            return None


def join(options: ManagerOptions, register: Register, signals: Signals) -> Uplink | None:
    """The links to the interchange that has taken this manager; None if it was asked to end before.

    Args:
        options: What the manager was told.
        register: How it presents itself.
        signals: May ask to end.

    Raises:
        NoInterchange: if no address leads to an interchange that takes it; says for each why.
        ExecutorError: if one refuses it.
        TakenOver: if its run is over, and another one wants it.
        ConfigurationError: if its key cannot be used.
        OSError: if its key cannot be read.
    """
    keys = load_keys(os.path.dirname(options.key_file), "manager") if options.key_file is not None else None
    found = reachable(options.addresses, options.transport, options.address_probe_timeout, signals.fileno())
    failures = found.failures
    for endpoint in found.endpoints:
        attempt = _Attempt(endpoint, keys, options, register)
        try:
            joined = attempt.succeeds(signals)
        except BaseException:
            attempt.uplink.close(0)
            raise
        if joined:
            attempt.uplink.reattach = options.reattach
            return attempt.uplink
        attempt.uplink.close(0)
        failures[endpoint.control] = attempt.failure
    signals.take()
    if signals.ending:
        return None
    tried = "; ".join(f"{url}: {reason}" for url, reason in failures.items()) or "no address was given"
    raise NoInterchange(
        options.label,
        f"manager {register.manager.decode()} on {register.hostname} found no interchange. {tried}",
        hint="give address= one of the submit host that compute nodes can reach, and see that its ports are open.",
    )


class _Attempt:
    """One address: connect, register, wait for the answer."""

    def __init__(self, endpoint: Endpoint, keys: RoleKeys | None, options: ManagerOptions, register: Register) -> None:
        self._options = options
        self._register = register
        self._label = options.label
        self._allowed = options.address_probe_timeout or ANSWER_S
        self.failure = ""
        self.uplink = Uplink(
            endpoint,
            keys,
            register.manager,
            period=options.heartbeat_period,
            threshold=options.heartbeat_threshold,
            now=time.monotonic(),
        )

    def succeeds(self, signals: Signals) -> bool:
        """Whether the interchange takes this manager.

        Raises:
            ExecutorError: if it refuses it.
        """
        waiter = Waiter()
        waiter.add(signals.fileno(), signals)
        self.uplink.watch(waiter)
        try:
            return self._is_taken(waiter, signals)
        finally:
            waiter.close()

    def _is_taken(self, waiter: Waiter, signals: Signals) -> bool:
        now = time.monotonic()
        deadline = now + self._allowed
        while now < deadline and not signals.ending:
            self.uplink.keep_up(now, lambda: self._register, lambda: protocol.Heartbeat(0.0))
            waiter.wait(min(deadline, self.uplink.deadline()) - now)
            now = time.monotonic()
            signals.take()
            if self._answered(now):
                return True
        reason = "it does not answer" if self.uplink.is_connected() else "it is something else, or its keys do not fit"
        self.failure = f"{reason} (waited {self._allowed:g} s)"
        return False

    def _answered(self, now: float) -> bool:
        while (parts := self.uplink.data.receive()) is not None:
            self.uplink.early.append(parts)
        while (parts := self.uplink.control.receive()) is not None:
            try:
                message = protocol.decode(parts[0])
            except BadMessage as error:
                logger.warning("dropped a message: %s", error)
                continue
            if isinstance(message, protocol.Adopted):
                raise TakenOver(self._options, message)
            if isinstance(message, protocol.Refused | protocol.Stop):
                url = self.uplink.endpoint.control
                raise ExecutorError(self._label, f"the interchange at {url} refused this manager: {message.reason}")
            if isinstance(message, protocol.Registered) and self.uplink.take(message, now):
                return True
        return False
