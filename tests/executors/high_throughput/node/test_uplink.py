"""A manager's links: when it registers, beats, and gives the interchange up. The other side is two plain listeners."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from parsl_like.executors.high_throughput.links.local import LocalListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.node.uplink import ASK_AGAIN_S, FROZEN_S, RESTART_S, Uplink
from parsl_like.executors.high_throughput.options import Endpoint
from parsl_like.executors.high_throughput.protocol import Heartbeat, Register, Registered, decode

REGISTER = Register(1, "r", b"m", "0", "h", 1, 2, 2, 2, 1, [], "3.11", "0", {}, "")


class Side:
    """The interchange's two listeners, and an uplink to them."""

    def __init__(self, folder: str) -> None:
        self.endpoint = Endpoint(f"ipc://{folder}/data", f"ipc://{folder}/control")
        self.uplink = Uplink(self.endpoint, None, b"m", period=5.0, threshold=30.0, now=100.0)
        self.waiter = Waiter()
        self.uplink.watch(self.waiter)
        self.listeners: list[LocalListener] = []

    def listen(self) -> None:
        for url in (self.endpoint.data, self.endpoint.control):
            listener = LocalListener(url)
            listener.watch(self.waiter)
            self.listeners.append(listener)
        for link in (self.uplink.data, self.uplink.control):
            link.keep_up(link.deadline())
        for listener in self.listeners:
            assert self.next(listener) == [b"m", b""]

    def next(self, listener: LocalListener) -> list[Any]:
        while (message := listener.receive()) is None:
            assert self.waiter.wait(60), "nothing was said"
        return message

    def heard(self) -> Any:
        """The next message on the control link."""
        return decode(self.next(self.listeners[1])[1])

    def keep_up(self, now: float) -> None:
        self.uplink.keep_up(now, lambda: REGISTER, lambda: Heartbeat(now))

    def close(self) -> None:
        self.uplink.close(0)
        for listener in self.listeners:
            listener.close()
        self.waiter.close()


@pytest.fixture
def side() -> Iterator[Side]:
    with tempfile.TemporaryDirectory(prefix="pl-") as folder:
        made = Side(folder)
        yield made
        made.close()


def test_it_registers_once_both_links_stand_and_again_until_it_is_answered(side: Side) -> None:
    side.keep_up(100.0)
    assert not side.uplink.is_connected()
    links = (side.uplink.data, side.uplink.control)
    # It connects, and asks later.
    assert side.uplink.deadline() == min(130.0 + RESTART_S, *(link.deadline() for link in links))
    side.listen()
    assert side.uplink.deadline() == 100.0
    side.keep_up(100.0)
    assert side.heard() == REGISTER
    side.keep_up(100.0 + ASK_AGAIN_S / 2)
    assert side.uplink.deadline() == 100.0 + ASK_AGAIN_S
    side.keep_up(100.0 + ASK_AGAIN_S)
    assert side.heard() == REGISTER
    assert side.listeners[1].receive() is None


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
    for now in range(100, 135, 5):
        assert side.uplink.silent_for(now) is None
    assert side.uplink.silent_for(130.0 + RESTART_S) == 30.0 + RESTART_S
    side.uplink.heard = 129.0
    assert side.uplink.silent_for(135.0) is None


def test_who_was_stopped_himself_accuses_nobody(side: Side) -> None:
    assert side.uplink.silent_for(101.0) is None
    assert side.uplink.silent_for(1000.0) is None
    assert side.uplink.silent_for(1000.0 + FROZEN_S + RESTART_S) == 30.0 + RESTART_S
