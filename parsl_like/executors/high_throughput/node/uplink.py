"""A manager's two links with its interchange: who it is there, whether it was taken, and whether anybody is there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import zmq

from parsl_like.executors.high_throughput import links
from parsl_like.executors.high_throughput.protocol import Registered, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.executors.high_throughput.keys import RoleKeys
    from parsl_like.executors.high_throughput.links import Context, Socket
    from parsl_like.executors.high_throughput.options import Endpoint
    from parsl_like.executors.high_throughput.protocol import Message, Register

PRESENT_YOURSELF = 0
"""The incarnation that no interchange has: who is told it registers again."""

ASK_AGAIN_S = 1.0
"""Seconds between two tries to register."""

FROZEN_S = 5.0
"""A manager that was itself stopped for so long cannot tell whether the other side was silent."""


class Uplink:
    """Connects to an interchange; nothing here waits. Times are monotonic seconds.

    Args:
        context: Where the sockets live.
        endpoint: The interchange's URLs.
        keys: A manager's keys; None without encryption.
        identity: The manager's name on both links.
        period: Seconds between heartbeats, until the interchange says otherwise.
        threshold: Seconds of silence after which the interchange counts as gone, until it says otherwise.
        now: The time.
    """

    def __init__(
        self,
        context: Context,
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
        self.heard = now
        self._ask_at = now
        self._next_beat = now
        self._last_look = now
        self._settled = False
        join: dict[str, Any] = {"keys": keys, "peer": "interchange", "identity": identity}
        self.data = links.connect(context, zmq.DEALER, endpoint.data, link="data", **join)
        self.control = links.connect(context, zmq.DEALER, endpoint.control, link="control", **join)

    def watch(self, poller: zmq.Poller) -> None:
        """Let a poller wake up when something has come, or when a connection stands that registration waits for."""
        if self._settled and self.registered:
            return
        for socket in (self.control, self.data):
            waits = not self.registered and not _is_connected(socket)
            poller.register(socket, zmq.POLLIN | zmq.POLLOUT if waits else zmq.POLLIN)
        self._settled = self.registered

    def deadline(self) -> float:
        """When :meth:`keep_up` is due, unless a connection comes first; to be asked after :meth:`watch`."""
        if self.registered:
            return min(self.heard + self.threshold, self._next_beat)
        return min(self.heard + self.threshold, self._ask_at if self.is_connected() else math.inf)

    def silent_for(self, now: float) -> float | None:
        """For how long nothing was heard, if that is longer than allowed; None otherwise."""
        if now - self._last_look > self.period + FROZEN_S:
            self.heard = max(self.heard, now - max(0.0, self.threshold - FROZEN_S))
        self._last_look = now
        silence = now - self.heard
        return silence if silence >= self.threshold else None

    def keep_up(self, now: float, register: Callable[[], Register], heartbeat: Callable[[], Message]) -> None:
        """Register if that is due and possible, or send a heartbeat if that is due."""
        if self.registered:
            if now >= self._next_beat:
                self._next_beat = now + self.period
                self.tell(heartbeat())
        elif now >= self._ask_at and self.is_connected():
            self._ask_at = now + ASK_AGAIN_S
            self.tell(register())

    def is_connected(self) -> bool:
        """Whether both links stand."""
        return _is_connected(self.data) and _is_connected(self.control)

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
        return links.send(self.control, encode(message))

    def send(self, frame: bytes, buffers: Sequence[Any] = ()) -> bool:
        """Send on the data link; False if nobody is there."""
        return links.send(self.data, frame, buffers)

    def close(self, linger_ms: int) -> None:
        """Close both links; what is on its way may take so long to leave."""
        self.data.close(linger=linger_ms)
        self.control.close(linger=linger_ms)


def _is_connected(socket: Socket) -> bool:
    # Sockets that send to live connections only (``links.connect``) can send if and only if there is one.
    return bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLOUT)
