"""What the placement machine asks for, put on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import zmq

from parsl_like.executors.high_throughput import links, protocol
from parsl_like.executors.high_throughput.exchange.delivery import Delivery
from parsl_like.executors.high_throughput.exchange.placement_events import Give, Report, Tell, Undelivered
from parsl_like.executors.high_throughput.protocol import BlockIdle, Function, ManagerNews, Stop, TaskItem, Tasks

PATIENCE = 20_000
ITEMS = [TaskItem(n, b"f", b"", n) for n in range(3)]
BUFFERS = {1: [b"one"], 2: [b"two", b"three"]}


class Ends:
    """A driver and a manager at the other ends of a delivery's links."""

    def __init__(self, stack: ExitStack) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(context.destroy, linger=0)
        listening = {name: links.listen(context, kind) for name, kind in KINDS.items()}
        urls = {name: links.bind_tcp(socket, "127.0.0.1") for name, socket in listening.items()}
        self.control, self.data = (listening[name] for name in ("control", "data"))
        self.doors = {link: listening[f"manager-{link}"] for link in ("control", "data")}
        self.delivery = Delivery(
            links.connect(context, zmq.DEALER, urls["control"]), links.connect(context, zmq.DEALER, urls["data"])
        )
        self.manager = {
            link: links.connect(context, zmq.DEALER, urls[f"manager-{link}"], identity=b"m") for link in self.doors
        }

    def join(self) -> None:
        for link, door in self.doors.items():
            while not links.send(self.manager[link], b"x"):
                self.manager[link].poll(10)
            assert door.poll(PATIENCE)
            self.delivery.learn(b"m", link, door)  # type: ignore[arg-type]


KINDS = {"control": zmq.DEALER, "data": zmq.DEALER, "manager-control": zmq.ROUTER, "manager-data": zmq.ROUTER}


@pytest.fixture
def ends() -> Iterator[Ends]:
    with ExitStack() as stack:
        made = Ends(stack)
        yield made


def arrived(socket: zmq.Socket[bytes]) -> list[object]:
    assert socket.poll(PATIENCE)
    frame, *buffers = links.receive(socket) or []
    return [protocol.decode(frame), *(bytes(part) for part in buffers)]


def test_reports_take_the_link_they_name(ends: Ends) -> None:
    idle = BlockIdle({"0": True})
    assert ends.delivery.carry_out(Report(idle)) is None
    assert ends.delivery.carry_out(Report(idle, "data")) is None
    assert arrived(ends.control) == arrived(ends.data) == [idle]


def test_results_pass_as_they_came(ends: Ends) -> None:
    frame = protocol.encode_results(b"m", 1, 2, [])
    ends.delivery.forward(frame, [b"buffer"])
    assert ends.data.poll(PATIENCE)
    assert [bytes(part) for part in links.receive(ends.data) or []] == [frame, b"buffer"]


def test_what_a_manager_is_given_arrives_in_order(ends: Ends) -> None:
    ends.join()
    function = Function(b"f", "f", b"blob")
    assert ends.delivery.carry_out(Give(b"m", [function], ITEMS, BUFFERS, 7)) is None
    assert arrived(ends.manager["data"]) == [function]
    assert arrived(ends.manager["data"]) == [Tasks(ITEMS, [(b"m", 7)]), b"one", b"two", b"three"]
    assert ends.delivery.carry_out(Tell(b"m", Stop("now"))) is None
    assert arrived(ends.manager["control"]) == [Stop("now")]


def test_what_cannot_be_given_comes_back_whole(ends: Ends) -> None:
    give = Give(b"m", [Function(b"f", "f", b"")], ITEMS, BUFFERS)
    assert ends.delivery.carry_out(give) == Undelivered(b"m", ITEMS, BUFFERS)
    ends.join()
    ends.manager["data"].close(linger=0)
    while (failed := ends.delivery.carry_out(give)) is None:
        ends.doors["data"].poll(10)
    assert failed == Undelivered(b"m", ITEMS, BUFFERS)


def test_of_a_batch_in_parts_only_what_was_not_sent_comes_back(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    ends.join()
    ends.delivery._limit = 20  # every attempt is a message of its own
    results = iter([True, True, False, False])
    monkeypatch.setattr(links, "send", lambda *args, **options: next(results))
    assert ends.delivery.carry_out(Give(b"m", [], ITEMS * 2, BUFFERS)) == Undelivered(b"m", (ITEMS * 2)[2:], BUFFERS)


def test_a_manager_that_has_gone_is_told_nothing(ends: Ends) -> None:
    ends.join()
    news = ManagerNews(b"m", "ended", "0", "node", 1, 0)
    assert ends.delivery.carry_out(Report(news)) is None
    assert arrived(ends.control) == [news]
    assert ends.delivery.carry_out(Tell(b"m", Stop("late"))) is None
    assert ends.manager["control"].poll(50) == 0
    assert ends.delivery.carry_out(Give(b"m", [], ITEMS, BUFFERS)) == Undelivered(b"m", ITEMS, BUFFERS)
