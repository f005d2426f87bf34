"""Who may open a link: a ZAP server (RFC 27, https://rfc.zeromq.org/spec/27/) inside its owner's own poll loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zmq
from zmq.utils.z85 import encode as z85

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parsl_like.executors.high_throughput.links.tcp import Context, Socket, TcpListener
    from parsl_like.executors.high_throughput.links.waiting import Waiter
    from parsl_like.executors.high_throughput.refusals import Refusals

ADDRESS = "inproc://zeromq.zap.01"
VERSION = b"1.0"

MOST_DISTINCT = 100
"""Of so many different strangers is told where they came from; others are only counted."""

OTHERS = "more strangers, from elsewhere"


class Authenticator:
    """Lets a key in only where its role belongs, and remembers whom it turned away.

    Every socket of the same context that has a ZAP domain asks it during the handshake. Its owner polls it by
    :meth:`watch` and calls :meth:`handle` when there is something; until then nobody gets in.

    Args:
        context: The context whose sockets it guards. At most one authenticator per context.
        allowed: The public keys (Z85), or the passwords, that may come in, by the ZAP domain of the sockets they may
            open.
        mechanism: How they are shown, ``CURVE`` or ``PLAIN``.
    """

    def __init__(self, context: Context, allowed: Mapping[str, Iterable[bytes]], mechanism: bytes = b"CURVE") -> None:
        self._context = context
        self._allowed = {domain: frozenset(keys) for domain, keys in allowed.items()}
        self._mechanism = mechanism
        self._strangers: dict[str, int] = {}
        self._touched = True
        self._doors: dict[Refusals, str] = {}
        self._waiter: Waiter | None = None
        self.socket: Socket = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(ADDRESS)

    def guard(self, listener: TcpListener) -> None:
        """Count those, too, who are turned away from a listener before they have shown any key."""
        door = listener.refusals(self._context)
        self._doors[door] = listener.domain
        if self._waiter is not None:
            door.watch(self._waiter, self)

    def watch(self, waiter: Waiter) -> None:
        """Let a waiter name the authenticator whenever somebody asks to come in."""
        self._waiter = waiter
        waiter.add(int(self.socket.get(zmq.FD)), self)
        waiter.ask(self)
        for door in self._doors:
            door.watch(waiter, self)

    def has_more(self) -> bool:
        """Whether somebody waits for an answer whom the descriptor may not tell of."""
        if not self._touched:
            return False
        self._touched = False
        # Each of them is asked: whoever has been asked tells of later changes again.
        more = [bool(int(self.socket.get(zmq.EVENTS)) & zmq.POLLIN), *(door.has_more() for door in self._doors)]
        return any(more)

    def handle(self) -> None:
        """Answer every request that has come; never waits."""
        self._touched = True
        while True:
            try:
                request = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            self.socket.send_multipart(self._answer(request))
        for door, domain in list(self._doors.items()):
            door.handle()
            for what, count in door.counts().items():
                self._note(f"{what}, on the {domain} links", count)
            if door.ended:
                self._forget(door)

    def strangers(self) -> dict[str, int]:
        """How many connections were refused since the last call, by what was wrong and where they came from."""
        found, self._strangers = self._strangers, {}
        return found

    def close(self) -> None:
        """Stop answering: from now on nobody gets in."""
        for door in list(self._doors):
            self._forget(door)
        self.socket.close()

    def _forget(self, door: Refusals) -> None:
        """The listener is closed."""
        del self._doors[door]
        if self._waiter is not None:
            door.unwatch(self._waiter)
            self._waiter.ask(self)
        door.close()

    def _note(self, who: str, count: int = 1) -> None:
        if who not in self._strangers and len(self._strangers) >= MOST_DISTINCT:
            who = OTHERS
        self._strangers[who] = self._strangers.get(who, 0) + count

    def _answer(self, request: list[bytes]) -> list[bytes]:
        version, number, domain, address, _identity, mechanism, *credentials = request
        reason = self._refusal(version, domain.decode(errors="replace"), mechanism, credentials)
        if reason is None:
            return [VERSION, number, b"200", b"", domain, b""]
        self._note(f"{reason}, from {address.decode(errors='replace')}")
        return [VERSION, number, b"400", b"refused", b"", b""]

    def _refusal(self, version: bytes, domain: str, mechanism: bytes, credentials: list[bytes]) -> str | None:
        expected = 2 if self._mechanism == b"PLAIN" else 1  # a name and a password, or a public key
        if version != VERSION or mechanism != self._mechanism or len(credentials) != expected:
            return f"no {self._mechanism.decode()} key for the {domain} links"
        key = credentials[1] if expected == 2 else z85(credentials[0])
        if key in self._allowed.get(domain, ()):
            return None
        role = next((role for role, keys in self._allowed.items() if key in keys), None)
        return f"the key of the role {role} on the {domain} links" if role else f"an unknown key on the {domain} links"
