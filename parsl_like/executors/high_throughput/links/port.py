"""What every link does, whatever carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.executors.high_throughput.links.waiting import Waiter

Link = Literal["data", "control"]

MAX_BODY = 16 * 1024**3
"""A part of a message larger than this, in bytes, ends the connection it came on."""

BIG = 64 * 1024
"""Bytes from which a part is not copied into a message but passed or lent."""


LARGE = 2 * 1024 * 1024
"""Bytes from which a part is cut into pieces between hosts, so that its message may arrive late."""


class Parting(NamedTuple):
    """A connection that is over, with everything read that had come over it.

    Attributes:
        identity: Who was at the other end; empty if that was never said.
        process: The process there, on this host; 0 if that cannot be known.
        reason: Why it was closed on this side; empty if the other side did.
    """

    identity: bytes
    process: int
    reason: str


class Channel(Protocol):
    """One end of a link. Nothing here waits.

    A message is a frame and the parts that follow it out of band: each of them bytes, or a ``Segment`` in memory that
    processes of one host share. Messages arrive in the order in which they were sent, or not at all; between hosts, one
    with a large part may be overtaken by others.
    """

    def send(self, frame: bytes, parts: Sequence[Any] = (), *, to: bytes | None = None) -> bool:
        """Hand over a message; False if nobody is connected (any more) to take it.

        Args:
            frame: The message, encoded.
            parts: What follows it; must not change until it is sent.
            to: The peer's identity, where there are several.
        """
        ...

    def receive(self) -> list[Any] | None:
        """The frame and the parts of the next message, None if there is none at present.

        Where there are several peers the sender's identity comes first; an empty frame says that it has connected.
        """
        ...

    def forget(self, peer: bytes) -> None:
        """Nothing more is to be sent to a peer: what waits for it is dropped."""
        ...

    def partings(self) -> Sequence[Parting]:
        """The connections that have ended since the last call and were not made again, where that is noticed at all."""
        ...

    def is_connected(self) -> bool:
        """Whether somebody is there to take what is sent, as far as is known; for those who connect."""
        ...

    def keep_up(self, now: float) -> None:
        """Connect again if that is due."""
        ...

    def deadline(self) -> float:
        """When :meth:`keep_up` is due, in monotonic seconds; infinity if it is not."""
        ...

    def watch(self, waiter: Waiter) -> None:
        """Let a waiter name this end whenever something has come."""
        ...

    def close(self, linger_ms: int = 0) -> None:
        """Hang up; what is on its way may take so long to leave."""
        ...
