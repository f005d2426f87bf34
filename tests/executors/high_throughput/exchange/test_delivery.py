"""What the placement machine asks for, put on the wire."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.exchange.delivery import Delivery
from parsl_like.executors.high_throughput.exchange.placement_events import Give, Report, Tell, Undelivered, Untold
from parsl_like.executors.high_throughput.links.local import LocalDialer, LocalListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.executors.high_throughput.places import socket_directory
from parsl_like.executors.high_throughput.protocol import (
    INTERCHANGE,
    BlockIdle,
    Function,
    ManagerNews,
    Stop,
    TaskItem,
    Tasks,
)

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.links.port import Channel, Link

PATIENCE_S = 60
LINKS: tuple[Link, Link] = ("control", "data")
ITEMS = [TaskItem(n, b"f", b"", n) for n in range(3)]
BUFFERS = {1: [b"one"], 2: [b"two", b"three"]}


class Ends:
    """A driver and a manager at the other ends of a delivery's links."""

    def __init__(self, directory: str, stack: ExitStack) -> None:
        self._directory, self._stack = directory, stack
        self._waiter = Waiter()
        stack.callback(self._waiter.close)
        self.control, self.data = (self._listen(f"driver-{link}") for link in LINKS)
        self.doors = {link: self._listen(f"manager-{link}") for link in LINKS}
        self.delivery = Delivery(*(self._dial(f"driver-{link}", INTERCHANGE) for link in LINKS))
        for listener in (self.control, self.data):
            assert self.next(listener) == [INTERCHANGE, b""]
        self.manager: dict[Link, LocalDialer] = {}

    def _listen(self, name: str) -> LocalListener:
        made = LocalListener(f"ipc://{self._directory}/{name}")
        self._stack.callback(made.close)
        made.watch(self._waiter)
        return made

    def _dial(self, name: str, identity: bytes) -> LocalDialer:
        made = LocalDialer(f"ipc://{self._directory}/{name}", identity)
        self._stack.callback(made.close)
        made.watch(self._waiter)
        return made

    def join(self) -> None:
        for link, door in self.doors.items():
            self.manager[link] = self._dial(f"manager-{link}", b"m")
            assert self.next(door) == [b"m", b""]
            self.delivery.learn(b"m", link, door)

    def next(self, channel: Channel) -> list[Any]:
        while (message := channel.receive()) is None:
            assert self._waiter.wait(PATIENCE_S), "nothing came"
        return message

    def arrived(self, channel: Channel) -> list[object]:
        """The next message and its buffers, without its sender."""
        message = self.next(channel)
        frame, *buffers = message[1:] if isinstance(channel, LocalListener) else message
        return [protocol.decode(frame), *(bytes(part) for part in buffers)]


@pytest.fixture
def ends() -> Iterator[Ends]:
    with ExitStack() as stack:
        directory = socket_directory()
        stack.callback(shutil.rmtree, directory)
        yield Ends(directory, stack)


def test_reports_take_the_link_they_name(ends: Ends) -> None:
    idle = BlockIdle({"0": True})
    assert ends.delivery.carry_out(Report(idle)) is None
    assert ends.delivery.carry_out(Report(idle, "data")) is None
    assert ends.arrived(ends.control) == ends.arrived(ends.data) == [idle]


def test_results_pass_as_they_came(ends: Ends) -> None:
    frame = protocol.encode_results(b"m", 1, 2, [])
    ends.delivery.forward(frame, [b"buffer"])
    assert [bytes(part) for part in ends.next(ends.data)] == [INTERCHANGE, frame, b"buffer"]


def test_what_a_manager_is_given_arrives_in_order(ends: Ends) -> None:
    ends.join()
    function = Function(b"f", "f", b"blob")
    assert ends.delivery.carry_out(Give(b"m", [function], ITEMS, BUFFERS, 7)) is None
    assert ends.arrived(ends.manager["data"]) == [function]
    assert ends.arrived(ends.manager["data"]) == [Tasks(ITEMS, [(b"m", 7)]), b"one", b"two", b"three"]
    assert ends.delivery.carry_out(Tell(b"m", Stop("now"))) is None
    assert ends.arrived(ends.manager["control"]) == [Stop("now")]


def test_what_cannot_be_given_comes_back_whole(ends: Ends) -> None:
    give = Give(b"m", [Function(b"f", "f", b"")], ITEMS, BUFFERS)
    assert ends.delivery.carry_out(give) == Undelivered(b"m", ITEMS, BUFFERS)
    ends.join()
    ends.manager["data"].close()
    assert ends.delivery.carry_out(give) == Undelivered(b"m", ITEMS, BUFFERS)


def test_of_a_batch_in_parts_only_what_was_not_sent_comes_back(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    ends.join()
    ends.delivery._limit = 20  # every attempt is a message of its own
    results = iter([True, True, False, False])
    monkeypatch.setattr(ends.doors["data"], "send", lambda *args, **options: next(results))
    assert ends.delivery.carry_out(Give(b"m", [], ITEMS * 2, BUFFERS)) == Undelivered(b"m", (ITEMS * 2)[2:], BUFFERS)


def test_a_manager_that_has_gone_is_told_nothing(ends: Ends) -> None:
    ends.join()
    news = ManagerNews(b"m", "ended", "0", "node", 1, 0)
    assert ends.delivery.carry_out(Report(news)) is None
    assert ends.arrived(ends.control) == [news]
    assert ends.delivery.carry_out(Tell(b"m", Stop("late"))) == Untold(b"m")
    assert ends.manager["control"].receive() is None
    assert ends.delivery.carry_out(Give(b"m", [], ITEMS, BUFFERS)) == Undelivered(b"m", ITEMS, BUFFERS)
