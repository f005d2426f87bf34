"""Passes connections on, as a network would that can be broken: ``ssh_proxy.py PORT TARGET`` on the loopback.

Signals break it: SIGUSR1 resets all its connections; SIGSTOP freezes them, so that nothing comes through, nothing is
lost, and nobody is told; SIGCONT lets them go on.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import struct
import sys

PIECE = 1 << 16
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """One thread that carries bytes between pairs of sockets."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._door = socket.create_server(("127.0.0.1", port))
        self._selector.register(self._door, selectors.EVENT_READ)
        self._reset_wanted = False

    def want_reset(self, *_: object) -> None:
        self._reset_wanted = True

    def run(self) -> None:
        while True:
            ready = self._selector.select(0.05)
            if self._reset_wanted:
                self._reset_wanted = False
                self._reset_all()
                continue
            for key, _ in ready:
                if key.fileobj is self._door:
                    self._accept()
                elif key.fileobj in self._peers:
                    self._carry(key.fileobj)

    def _accept(self) -> None:
        outer, _ = self._door.accept()
        try:
            inner = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            outer.close()
            return
        for one, other in ((outer, inner), (inner, outer)):
            one.settimeout(None)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _carry(self, source: socket.socket) -> None:
        sink = self._peers[source]
        try:
            data = source.recv(PIECE)
            sink.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._end(source)
            self._end(sink)

    def _end(self, end: socket.socket) -> None:
        del self._peers[end]
        self._selector.unregister(end)
        end.close()

    def _reset_all(self) -> None:
        for end in list(self._peers):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._end(end)


def main(port: str, target: str) -> None:
    proxy = Proxy(int(port), int(target))
    signal.signal(signal.SIGUSR1, proxy.want_reset)
    proxy.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
