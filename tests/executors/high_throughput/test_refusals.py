"""Connections that end before anybody has shown a key, seen by a monitor of a real listener."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import zmq

from parsl_like.executors.high_throughput import refusals
from parsl_like.executors.high_throughput.links.tcp import TcpDialer, TcpListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.refusals import MALFORMED, NO_ZEROMQ, OTHER_MECHANISM, Refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 20.0


class Door:
    """A listener without keys, so that every ZeroMQ gets in and nothing else."""

    def __init__(self, stack: ExitStack, most: int | None = None) -> None:
        self.stack = stack
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(self.context.destroy, linger=0)
        self.listener = TcpListener(self.context, "data", None, "manager")
        self.refusals = Refusals(self.context, self.listener._socket, most)
        self.url = self.listener.bind("127.0.0.1")
        self.where = ("127.0.0.1", int(self.url.rpartition(":")[2]))
        self.counted: dict[str, int] = {}
        self.waiter = Waiter()
        stack.callback(self.waiter.close)
        self.refusals.watch(self.waiter, self)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline
            if self.refusals.has_more() or self.waiter.wait(0.01):
                self.refusals.handle()
                for what, count in self.refusals.counts().items():
                    self.counted[what] = self.counted.get(what, 0) + count

    def caller(self) -> socket.socket:
        return self.stack.enter_context(socket.create_connection(self.where))

    def dial(self, name: bytes) -> TcpDialer:
        dialer = TcpDialer(self.context, self.url, name)
        self.stack.callback(dialer.close)
        self.until(dialer.is_connected)
        return dialer


@pytest.fixture
def door() -> Iterator[Door]:
    with ExitStack() as stack:
        yield Door(stack, 5)


def test_nonsense_is_counted_and_those_who_get_in_are_not(door: Door) -> None:
    standing = door.dial(b"a")
    door.caller().sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"OTHER".ljust(20, b"\0") + bytes(32))
    door.until(lambda: door.counted)
    assert set(door.counted) <= {OTHER_MECHANISM, MALFORMED, NO_ZEROMQ}
    standing.close()
    door.dial(b"b")
    assert sum(door.counted.values()) == 1


def test_whoever_only_looks_whether_somebody_listens_is_not_counted(door: Door) -> None:
    looking = door.caller()
    looking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    looking.close()
    saying = door.caller()
    saying.sendall(b"\xff" + bytes(8) + b"\x7f")
    saying.shutdown(socket.SHUT_WR)
    door.until(lambda: door.counted)
    door.until(lambda: not door.refusals._waiting)
    assert sum(door.counted.values()) == 1


def test_of_too_many_that_say_nothing_the_oldest_are_hung_up_on(door: Door) -> None:
    standing = door.dial(b"a")
    callers = [door.caller() for _ in range(3)]
    among_them = door.dial(b"b")
    callers += [door.caller() for _ in range(9)]
    door.until(lambda: sum(door.counted.values()) == 12 - 5)
    assert standing.is_connected()
    assert among_them.is_connected()
    for caller in callers[:7]:
        caller.settimeout(PATIENCE_S)
        while caller.recv(1000):
            pass
    for caller in callers[7:]:
        caller.setblocking(False)
        caller.recv(1000)  # the greeting
        with pytest.raises(BlockingIOError):
            caller.recv(1000)


def test_it_ends_with_its_listener(door: Door) -> None:
    door.listener.close()
    door.until(lambda: door.refusals.ended)
    door.refusals.unwatch(door.waiter)
    door.refusals.close()


def test_it_can_end_before_its_listener(door: Door) -> None:
    door.refusals.unwatch(door.waiter)
    door.refusals.close()
    assert not door.listener._socket.closed


def test_a_process_with_few_descriptors_bears_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    for limit, most in ((1024, 128), (10, 16), (resource.RLIM_INFINITY, refusals.MOST_WAITING), (1 << 20, 8192)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert refusals._bearable() == most
