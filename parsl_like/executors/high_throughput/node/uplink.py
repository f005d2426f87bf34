"""A manager's two links with its interchange: who it is there, whether it was taken, and whether anybody is there."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from parsl_like.executors.high_throughput.links.local import SCHEME, LocalDialer
from parsl_like.executors.high_throughput.protocol import PRESENT_YOURSELF, Registered, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.executors.high_throughput.keys import RoleKeys
    from parsl_like.executors.high_throughput.links.port import Channel
    from parsl_like.executors.high_throughput.links.tcp import Context
    from parsl_like.executors.high_throughput.links.waiting import Waiter
    from parsl_like.executors.high_throughput.options import Endpoint
    from parsl_like.executors.high_throughput.protocol import Message, Register

ASK_AGAIN_S = 1.0
"""Seconds between two tries to register."""

FROZEN_S = 5.0
"""A manager that was itself stopped for so long cannot tell whether the other side was silent."""


RESTART_S = 4.0
"""Seconds beyond the threshold, at which the driver notices the same silence and restarts the interchange."""


class Uplink:
    """Connects to an interchange; nothing here waits. Times are monotonic seconds.

    Args:
        endpoint: The interchange's URLs.
        keys: A manager's keys; None without encryption.
        identity: The manager's name on both links.
        period: Seconds between heartbeats, until the interchange says otherwise.
        threshold: Seconds of silence after which the interchange counts as gone, until it says otherwise.
        now: The time.

    Attributes:
        early: What came on the data link while the answer to the registration was waited for.
        reattach: Seconds for which, once it has joined, another interchange is waited for beyond the threshold, should
            the driver have died.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: RoleKeys | None,
        identity: bytes,
        *,
        period: float,
        threshold: float,
        now: float,
    ) -> None:
        self.endpoint = endpoint
        self.registered = False
        self.period, self.threshold = period, threshold
        self.reattach = 0.0
        self.heard = now
        self._ask_at = now
        self._next_beat = now
        self._last_look = now
        self.early: list[list[Any]] = []
        self._stack = ExitStack()
        self.data, self.control = self._dial(endpoint, keys, identity, threshold)

    def _dial(
        self, endpoint: Endpoint, keys: RoleKeys | None, identity: bytes, threshold: float
    ) -> tuple[Channel, Channel]:
        if endpoint.control.startswith(SCHEME):
            return LocalDialer(endpoint.data, identity), LocalDialer(endpoint.control, identity)
        import zmq

        from parsl_like.executors.high_throughput.links.tcp import TcpDialer

        context: Context = zmq.Context()
        self._stack.callback(context.term)
        join: dict[str, Any] = {"keys": keys, "peer": "interchange", "threshold": threshold}
        return (
            TcpDialer(context, endpoint.data, identity, link="data", **join),
            TcpDialer(context, endpoint.control, identity, link="control", **join),
        )

    def watch(self, waiter: Waiter) -> None:
        """Let a waiter name a link when something has come, or when it may have been connected."""
        self.control.watch(waiter)
        self.data.watch(waiter)

    def deadline(self) -> float:
        """When :meth:`keep_up` is due, unless a connection comes first."""
        due = min(
            self.heard + self.threshold + RESTART_S + self.reattach, self.data.deadline(), self.control.deadline()
        )
        if self.reattach:  # who sleeps for long takes himself for frozen
            due = min(due, self._last_look + self.period)
        if self.registered:
            return min(due, self._next_beat)
        return min(due, self._ask_at) if self.is_connected() else due

    def silent_for(self, now: float) -> float | None:
        """For how long nothing was heard, if that is longer than allowed; None otherwise."""
        if now - self._last_look > self.period + FROZEN_S:
            self.heard = max(self.heard, now - max(0.0, self.threshold - FROZEN_S))
        self._last_look = now
        silence = now - self.heard
        return silence if silence >= self.threshold + RESTART_S + self.reattach else None

    def is_adrift(self, now: float) -> bool:
        """Whether there has been silence for so long that the driver must be dead, though another one may come."""
        return now - self.heard >= self.threshold + RESTART_S

    def keep_up(self, now: float, register: Callable[[], Register], heartbeat: Callable[[], Message]) -> None:
        """Connect, register or send a heartbeat, whatever is due and possible."""
        self.control.keep_up(now)
        self.data.keep_up(now)
        if self.registered:
            if now >= self._next_beat:
                self._next_beat = now + self.period
                self.tell(heartbeat())
        elif now >= self._ask_at and self.is_connected():
            self._ask_at = now + ASK_AGAIN_S
            self.tell(register())

    def is_connected(self) -> bool:
        """Whether both links stand."""
        return self.data.is_connected() and self.control.is_connected()

    def take(self, message: Registered, now: float) -> bool:
        """Learn the interchange's answer; True if it has just taken this manager, for the first time or again."""
        before = self.registered
        self.period, self.threshold = message.heartbeat_period, message.heartbeat_threshold
        self.registered = message.incarnation != PRESENT_YOURSELF
        if self.registered:
            self._next_beat = min(self._next_beat, now + self.period)
        else:
            self._ask_at = now
        return self.registered and not before

    def tell(self, message: Message) -> bool:
        """Send on the control link; False if nobody is there."""
        return self.control.send(encode(message))

    def send(self, frame: bytes, buffers: Sequence[Any] = ()) -> bool:
        """Send on the data link; False if nobody is there."""
        return self.data.send(frame, buffers)

    def close(self, linger_ms: int) -> None:
        """Close both links; what is on its way may take so long to leave."""
        self.data.close(linger_ms)
        self.control.close(linger_ms)
        self._stack.close()
