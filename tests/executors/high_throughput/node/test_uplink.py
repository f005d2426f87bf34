"""A manager's links: when it registers, beats, and gives the interchange up. The other side is two plain sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from parsl_like.executors.high_throughput.node.uplink import ASK_AGAIN_S, FROZEN_S, Uplink
from parsl_like.executors.high_throughput.options import Endpoint
from parsl_like.executors.high_throughput.protocol import Heartbeat, Register, Registered, decode

REGISTER = Register(1, "r", b"m", "0", "h", 1, 2, 2, 2, 1, [], "3.11", "0", {}, "")


class Side:
    """The interchange's two sockets, and an uplink to them."""

    def __init__(self, folder: str) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.endpoint = Endpoint(f"ipc://{folder}/data", f"ipc://{folder}/control")
        self.uplink = Uplink(self.context, self.endpoint, None, b"m", period=5.0, threshold=30.0, now=100.0)
        self.sockets: list[Any] = []

    def listen(self) -> None:
        for url in (self.endpoint.data, self.endpoint.control):
            socket = self.context.socket(zmq.ROUTER)
            socket.setsockopt(zmq.LINGER, 0)
            socket.bind(url)
            self.sockets.append(socket)
        poller = zmq.Poller()
        while not self.uplink.is_connected():
            self.uplink.watch(poller)
            assert poller.poll(0 if self.uplink.is_connected() else 60_000) or self.uplink.is_connected()

    def heard(self) -> Any:
        """The next message on the control link."""
        while True:
            assert self.sockets[1].poll(60_000), "nothing was said"
            _, frame = self.sockets[1].recv_multipart()
            if frame:
                return decode(frame)

    def keep_up(self, now: float) -> None:
        self.uplink.keep_up(now, lambda: REGISTER, lambda: Heartbeat(now))

    def close(self) -> None:
        self.uplink.close(0)
        for socket in self.sockets:
            socket.close()
        self.context.term()


@pytest.fixture
def side() -> Iterator[Side]:
    with tempfile.TemporaryDirectory(prefix="pl-") as folder:
        made = Side(folder)
        yield made
        made.close()


def test_it_registers_once_both_links_stand_and_again_until_it_is_answered(side: Side) -> None:
    side.keep_up(100.0)
    assert not side.uplink.is_connected()
    assert side.uplink.deadline() == 130.0  # a connection is waited for, not polled for
    side.listen()
    assert side.uplink.deadline() == 100.0
    side.keep_up(100.0)
    assert side.heard() == REGISTER
    side.keep_up(100.0 + ASK_AGAIN_S / 2)
    assert side.uplink.deadline() == 100.0 + ASK_AGAIN_S
    side.keep_up(100.0 + ASK_AGAIN_S)
    assert side.heard() == REGISTER
    assert not side.sockets[1].poll(0)


def test_the_interchange_says_how_often_it_wants_heartbeats(side: Side) -> None:
    side.listen()
    assert side.uplink.take(Registered(1, 2.0, 7.0), 100.0)
    side.keep_up(100.0)
    assert side.heard() == Heartbeat(100.0)
    assert side.uplink.deadline() == 102.0
    side.keep_up(101.0)
    side.keep_up(102.0)
    assert side.heard() == Heartbeat(102.0)
    assert side.uplink.threshold == 7.0


def test_it_presents_itself_again_when_told_to(side: Side) -> None:
    side.listen()
    assert side.uplink.take(Registered(1, 5.0, 30.0), 100.0)
    assert not side.uplink.take(Registered(1, 5.0, 30.0), 100.0)
    assert not side.uplink.take(Registered(0, 5.0, 30.0), 100.0)
    side.keep_up(100.0)
    assert side.heard() == REGISTER
    assert side.uplink.take(Registered(2, 5.0, 30.0), 100.1)


def test_nothing_is_sent_to_nobody(side: Side) -> None:
    assert not side.uplink.tell(Heartbeat(1.0))
    assert not side.uplink.send(b"frame", [b"buffer"])
    side.listen()
    assert side.uplink.send(b"frame", [b"buffer"])


def test_silence_is_noticed(side: Side) -> None:
    for now in range(100, 130, 5):
        assert side.uplink.silent_for(now) is None
    assert side.uplink.silent_for(130.0) == 30.0
    side.uplink.heard = 129.0
    assert side.uplink.silent_for(131.0) is None


def test_who_was_stopped_himself_accuses_nobody(side: Side) -> None:
    assert side.uplink.silent_for(101.0) is None
    assert side.uplink.silent_for(1000.0) is None
    assert side.uplink.silent_for(1000.0 + FROZEN_S) == 30.0
