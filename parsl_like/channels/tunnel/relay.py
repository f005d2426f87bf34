"""The relay on another machine: takes connections at its addresses, and passes each on to a port of its loopback.

It is sent there as text (:mod:`~parsl_like.channels.tunnel.relay_text`) and run by whatever Python is there, 3.6 or
later: it imports nothing but the standard library, and says nothing in words that an old Python does not know. It ends
when its standard input does, which is when whoever has started it, or the connection to there, is gone.

Its arguments are its name and, for each port, ``port:forward:listen``: connections taken at the port ``listen`` (0 for
any) are passed on to ``127.0.0.1:forward``; ``port`` is only a name. What it prints is read by
:mod:`~parsl_like.channels.tunnel.relay_words`.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable

from parsl_like.channels.tunnel.relay_place import (
    LOOPBACK,
    end_former,
    most_connections,
    own_addresses,
)

CHUNK = 1 << 18
BEAT_S = 1.0
SILENT_S = 30.0
"""Seconds for which somebody may be connected and say nothing."""

FORMER_S = 3.0
"""Seconds for which a port is waited for that a former relay, just killed, still holds."""

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Half:
    """One direction of a connection: what came from one socket and has not gone out of the other.

    Nothing is read before the last piece has gone out, so whoever sends too much is slowed down by TCP itself.
    """

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.waiting = b""
        self.ended = False
        self.closed = False

    def read(self, buffer: memoryview) -> None:
        """Take a piece and send what goes; an end is handed on once everything has gone out."""
        count = self.source.recv_into(buffer)
        if count == 0:
            self.ended = True
            self.hand_on_end()
            return
        try:
            sent = self.sink.send(buffer[:count])
        except BlockingIOError:
            sent = 0
        if sent < count:
            self.waiting = bytes(buffer[sent:count])

    def write(self) -> None:
        """Send of what waits as much as goes."""
        self.waiting = self.waiting[self.sink.send(self.waiting) :]
        self.hand_on_end()

    def hand_on_end(self) -> None:
        """Tell the sink that there is no more, if that is so."""
        if self.ended and not self.waiting and not self.closed:
            self.closed = True
            self.sink.shutdown(socket.SHUT_WR)

    def wants(self, end: socket.socket) -> int:
        """What is to be waited for at a socket."""
        wanted = 0
        if end is self.source and not self.ended and not self.waiting:
            wanted |= READ
        if end is self.sink and self.waiting:
            wanted |= WRITE
        return wanted


class Passage:
    """A connection that was taken, and the one to the loopback that it is passed on to."""

    def __init__(self, relay: Relay, outer: socket.socket, forward: int) -> None:
        self.relay = relay
        self.forward = forward
        self.outer = outer
        self.inner = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.halves = (Half(self.outer, self.inner), Half(self.inner, self.outer))
        self.begun = False
        self.stands = False
        self.born = time.monotonic()
        self.watched: dict[socket.socket, int] = {}

    def begin(self) -> None:
        """Wait for the first word: who only looks whether somebody is there is nobody's guest."""
        for end in (self.outer, self.inner):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(self.outer)
        self.watch()

    def hear(self) -> None:
        """Connect once something has come, without waiting for it."""
        if not self.outer.recv(1, socket.MSG_PEEK):
            self.end(reset=True)
            return
        self.begun = True
        code = self.inner.connect_ex((LOOPBACK, self.forward))
        if code not in (0, errno.EINPROGRESS):
            self.fail(code)
        else:
            self.watch()

    def watch(self) -> None:
        """Wait for what is needed next."""
        for end in (self.outer, self.inner):
            if self.stands:
                wanted = self.halves[0].wants(end) | self.halves[1].wants(end)
            elif self.begun:
                wanted = WRITE if end is self.inner else 0
            else:
                wanted = READ if end is self.outer else 0
            if wanted != self.watched.get(end, 0):
                self.relay.await_at(end, self.watched.get(end, 0), wanted, self.go_on)
                self.watched[end] = wanted

    def go_on(self, end: socket.socket, ready: int) -> None:
        """Do what has become possible at a socket."""
        try:
            if not self.begun:
                self.hear()
                return
            if not self.stands:
                code = self.inner.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    self.fail(code)
                    return
                self.stands = True
            else:
                self.carry(end, ready)
        except BlockingIOError:
            return
        except OSError:  # reset by either side, so the other one is to learn the same
            self.end(reset=True)
            return
        if self.halves[0].closed and self.halves[1].closed:
            self.end(reset=False)
        else:
            self.watch()

    def carry(self, end: socket.socket, ready: int) -> None:
        """Move one piece in each direction for which a socket is ready."""
        for half in self.halves:
            if ready & WRITE and half.sink is end and half.waiting:
                half.write()
            elif ready & READ and half.source is end and not half.waiting and not half.ended:
                half.read(self.relay.buffer)

    def fail(self, code: int) -> None:
        """There is nobody to pass it on to."""
        self.relay.failed = LOOPBACK + ":" + str(self.forward) + ": " + os.strerror(code)
        self.end(reset=True)

    def end(self, reset: bool) -> None:
        """Close both sockets."""
        for end in (self.outer, self.inner):
            if self.watched.pop(end, 0):
                self.relay.selector.unregister(end)
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()
        self.relay.forget(self)


class Relay:
    """Listens, passes on and reports, until its standard input ends."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.buffer = memoryview(bytearray(CHUNK))
        self.doors: dict[socket.socket, int] = {}
        self.closed_doors: list[socket.socket] = []
        self.passages: set[Passage] = set()
        self.most = most_connections()
        self.taken = 0
        self.failed = ""
        self.over = False

    def listen(self, forward: int, port: int) -> int:
        """Take connections for a port of the loopback; gives the port at which that is done."""
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind(door, port)
        door.listen(512)
        door.setblocking(False)
        self.doors[door] = forward
        self.await_at(door, 0, READ, self.accept)
        return int(door.getsockname()[1])

    def await_at(
        self, end: socket.socket, before: int, wanted: int, then: Callable[[socket.socket, int], None]
    ) -> None:
        """Wait at a socket for something else than before; 0 is for nothing."""
        if not wanted:
            self.selector.unregister(end)
        elif before:
            self.selector.modify(end, wanted, then)
        else:
            self.selector.register(end, wanted, then)

    def accept(self, door: socket.socket, _ready: int) -> None:
        """Take a connection, unless there are too many."""
        try:
            outer, _ = door.accept()
            passage = Passage(self, outer, self.doors[door])
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:  # no descriptor, no memory: later perhaps
            self.failed = "no connection can be taken: " + str(error)
            self.close_door(door)
            return
        self.taken += 1
        self.passages.add(passage)
        passage.begin()
        if len(self.passages) >= self.most:
            self.failed = "there are " + str(len(self.passages)) + " connections, and no room for more"
            self.close_door(door)

    def close_door(self, door: socket.socket) -> None:
        """Take nothing there until there may be room."""
        self.selector.unregister(door)
        self.closed_doors.append(door)

    def forget(self, passage: Passage) -> None:
        """A connection is over."""
        self.passages.discard(passage)

    def listen_to_end(self) -> None:
        """End with the standard input."""
        try:
            self.selector.register(0, READ, self.hear)
        except PermissionError:  # no pipe: who has started it looks after its end
            return

    def hear(self, _end: socket.socket, _ready: int) -> None:
        """Something came on the standard input, or its end."""
        self.over = not os.read(0, 4096)

    def say(self, **facts: object) -> None:
        """Print a line; one that finds no room is left out, since nobody reads."""
        try:
            os.write(1, (json.dumps(facts) + "\n").encode())
        except BlockingIOError:
            return
        except OSError:  # nobody is there any more
            self.over = True

    def beat(self) -> None:
        """Say that it lives, and how it does."""
        self.say(open=len(self.passages), taken=self.taken, failed=self.failed)
        self.failed = ""
        for passage in [each for each in self.passages if not each.begun]:
            if time.monotonic() > passage.born + SILENT_S:
                passage.end(reset=True)
        if len(self.passages) < self.most:
            while self.closed_doors:
                self.await_at(self.closed_doors.pop(), 0, READ, self.accept)

    def run(self) -> None:
        """Go on until the end."""
        self.listen_to_end()
        due = time.monotonic() + BEAT_S
        while not self.over:
            for key, ready in self.selector.select(max(0.0, due - time.monotonic())):
                # What came before it in the same list may have closed it, or have it wait for something else.
                now = self.selector.get_map().get(key.fd)
                if now is not None and now.fileobj is key.fileobj and ready & now.events:
                    now.data(now.fileobj, ready & now.events)
            if time.monotonic() >= due:
                due = time.monotonic() + BEAT_S
                self.beat()


def keep_alive(end: socket.socket) -> None:
    """Notice within two minutes that a machine at the other end is gone."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def bind(door: socket.socket, port: int) -> None:
    """Take a port, waiting for it for a moment; any, if it is not to be had."""
    until = time.monotonic() + FORMER_S
    while port:
        try:
            door.bind(("", port))
            return
        except OSError:
            if time.monotonic() > until:
                break
            time.sleep(0.05)
    door.bind(("", 0))


def main(name: str, *ways: str) -> None:
    """Say where it listens, and pass on until the end."""
    end_former(name)
    os.set_blocking(1, False)
    relay = Relay()
    listening = {}
    for way in ways:
        port, forward, listen = way.split(":")
        listening[port] = relay.listen(int(forward), int(listen))
    relay.say(relay=1, host=socket.gethostname(), addresses=own_addresses(), listening=listening)
    relay.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
