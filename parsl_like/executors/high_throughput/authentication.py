"""Who may open a link: a ZAP server (RFC 27, https://rfc.zeromq.org/spec/27/) inside its owner's own poll loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zmq
from zmq.utils.z85 import encode as z85

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parsl_like.executors.high_throughput.links.tcp import Context, Socket
    from parsl_like.executors.high_throughput.links.waiting import Waiter

ADDRESS = "inproc://zeromq.zap.01"
VERSION = b"1.0"


class Authenticator:
    """Lets a public key in only where its role belongs, and remembers whom it turned away.

    Every encrypted socket of the same context asks it during the handshake. Its owner polls :attr:`socket` and calls
    :meth:`handle` when there is something; until then nobody gets in.

    Args:
        context: The context whose sockets it guards. At most one authenticator per context.
        allowed: The public keys (Z85) that may come in, by the ZAP domain of the sockets they may open.
    """

    def __init__(self, context: Context, allowed: Mapping[str, Iterable[bytes]]) -> None:
        self._allowed = {domain: frozenset(keys) for domain, keys in allowed.items()}
        self._strangers: dict[str, int] = {}
        self._touched = True
        self.socket: Socket = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(ADDRESS)

    def watch(self, waiter: Waiter) -> None:
        """Let a waiter name the authenticator whenever somebody asks to come in."""
        waiter.add(int(self.socket.get(zmq.FD)), self)
        waiter.ask(self)

    def has_more(self) -> bool:
        """Whether somebody waits for an answer whom the descriptor may not tell of."""
        if not self._touched:
            return False
        self._touched = False
        return bool(int(self.socket.get(zmq.EVENTS)) & zmq.POLLIN)

    def handle(self) -> None:
        """Answer every request that has come; never waits."""
        self._touched = True
        while True:
            try:
                request = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.socket.send_multipart(self._answer(request))

    def strangers(self) -> dict[str, int]:
        """How many connections were refused since the last call, by what was wrong and where they came from."""
        found, self._strangers = self._strangers, {}
        return found

    def close(self) -> None:
        """Stop answering: from now on nobody gets in."""
        self.socket.close()

    def _answer(self, request: list[bytes]) -> list[bytes]:
        version, number, domain, address, _identity, mechanism, *credentials = request
        reason = self._refusal(version, domain.decode(errors="replace"), mechanism, credentials)
        if reason is None:
            return [VERSION, number, b"200", b"", domain, b""]
        who = f"{reason}, from {address.decode(errors='replace')}"
        self._strangers[who] = self._strangers.get(who, 0) + 1
        return [VERSION, number, b"400", b"refused", b"", b""]

    def _refusal(self, version: bytes, domain: str, mechanism: bytes, credentials: list[bytes]) -> str | None:
        if version != VERSION or mechanism != b"CURVE" or len(credentials) != 1:
            return f"no CURVE key for the {domain} links"
        key = z85(credentials[0])
        if key in self._allowed.get(domain, ()):
            return None
        role = next((role for role, keys in self._allowed.items() if key in keys), None)
        return f"the key of the role {role} on the {domain} links" if role else f"an unknown key on the {domain} links"
