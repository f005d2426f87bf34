"""Links between hosts: what they promise about connections, sizes and copies."""

from __future__ import annotations

import math
import os
import select
import socket as sockets
import threading
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import zmq
from zmq.utils.garbage import gc as lender

from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput.links.port import BIG, LARGE
from parsl_like.executors.high_throughput.links.tcp import MOST_AT_ONCE, TcpDialer, TcpListener
from parsl_like.executors.high_throughput.links.waiting import Waiter
from parsl_like.serialize.segments import Segment

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.links.port import Link

PATIENCE_S = 60


class Hosts:
    """Links over loopback, turned by hand."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.waiter = Waiter()
        self.channels: list[TcpListener | TcpDialer] = []
        self._heard: dict[Any, list[list[Any]]] = defaultdict(list)

    def listen(self, link: Link = "data", port: int | None = None) -> tuple[TcpListener, str]:
        made = self.listener(link)
        url = made.bind("127.0.0.1", port)
        made.watch(self.waiter)
        return made, url

    def listener(self, link: Link = "data") -> TcpListener:
        """One that is not bound yet."""
        made = TcpListener(self.context, link)
        self.channels.append(made)
        return made

    def dial(self, url: str, link: Link = "data", *, patient: bool = False) -> TcpDialer:
        made = TcpDialer(self.context, url, b"m", link=link, patient=patient)
        made.watch(self.waiter)
        self.channels.append(made)
        return made

    def pair(self, link: Link = "data") -> tuple[TcpListener, TcpDialer]:
        listener, url = self.listen(link)
        dialer = self.dial(url, link)
        assert self.next(listener) == [b"m", b""]
        self.until(dialer.is_connected)
        return listener, dialer

    def next(self, channel: TcpListener | TcpDialer) -> list[Any]:
        """The next message of a link; what others hear meanwhile stays for later."""
        self._drain(channel)
        self.until(lambda: bool(self._heard[channel]))
        return self._heard[channel].pop(0)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a change of any link until a condition holds."""
        while not condition():
            found = self.waiter.wait(PATIENCE_S)
            assert found, "nothing has changed"
            for channel in found:
                self._drain(channel)

    def _drain(self, channel: TcpListener | TcpDialer) -> None:
        while (message := channel.receive()) is not None:
            self._heard[channel].append(message)

    def close(self) -> None:
        for channel in self.channels:
            channel.close()
        self.waiter.close()
        self.context.term()
        lender.stop()  # pyzmq's thread, which lives as long as its process once a large part was sent


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    yield made
    made.close()


def contents(message: list[Any]) -> list[bytes]:
    return [bytes(part) for part in message]


def unused_port() -> int:
    with sockets.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


# --- messages


def test_a_message_goes_both_ways(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    assert listener.receive() is None
    assert dialer.send(b"frame", [b"one", memoryview(b"two"), b""])
    assert contents(hosts.next(listener)) == [b"m", b"frame", b"one", b"two", b""]
    assert listener.send(b"answer", to=b"m")
    assert hosts.next(dialer) == [b"answer"]


def test_segments_travel_as_their_content(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    segments = [Segment.written([b"content", b"x" * size]) for size in (1, BIG)]
    assert dialer.send(b"frame", segments)
    assert contents(hosts.next(listener)) == [b"m", b"frame", *(bytes(one.copied()) for one in segments)]


def test_a_part_that_cannot_be_read_leaves_no_half_message(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    short = Segment.holding([b"content"])
    short.size += 1
    with pytest.raises(ValueError, match="has only 7"):
        dialer.send(b"frame", [b"part", short])
    assert dialer.send(b"next")
    assert hosts.next(listener) == [b"m", b"next"]


def test_thousands_of_messages_keep_their_order(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    for number in range(5000):
        assert dialer.send(b"%d" % number)
        assert listener.send(b"%d" % number, to=b"m")
    assert [hosts.next(listener)[1] for _ in range(5000)] == [b"%d" % number for number in range(5000)]
    assert [hosts.next(dialer)[0] for _ in range(5000)] == [b"%d" % number for number in range(5000)]


def test_large_parts_are_not_copied_by_whoever_passes_them_on(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    size = 32 * 1024 * 1024
    payload = bytearray(size)
    tracemalloc.start()
    try:
        assert dialer.send(b"frame", [memoryview(payload)])
        _, _, part = hosts.next(listener)
        assert listener.send(b"frame", [part], to=b"m")
        _, back = hosts.next(dialer)
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()
    assert len(back) == size


# --- waiting


def test_a_waiter_names_a_link_as_often_as_something_comes(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    for number in range(100):
        assert dialer.send(b"%d" % number)
        assert hosts.next(listener) == [b"m", b"%d" % number]
        assert listener.receive() is None


def test_what_comes_while_a_link_sends_is_not_missed(hosts: Hosts) -> None:
    """A socket that is used forgets to say what has come: it is asked before anybody sleeps."""
    listener, dialer = hosts.pair()
    assert dialer.receive() is None
    assert hosts.waiter.wait(0) in ([], [dialer], [listener], [dialer, listener])
    assert dialer.send(b"come")
    assert select.select([listener._socket.get(zmq.FD)], [], [], PATIENCE_S)[0]
    assert listener.send(b"this takes the news of what has come", to=b"m")
    while listener not in hosts.waiter.wait(PATIENCE_S):
        pass
    assert listener.receive() == [b"m", b"come"]


def test_what_comes_while_a_link_is_asked_for_its_connection_is_not_missed(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    while hosts.waiter.wait(0):
        assert dialer.receive() is listener.receive() is None
    assert listener.send(b"come", to=b"m")
    assert select.select([dialer._socket.get(zmq.FD)], [], [], PATIENCE_S)[0]
    assert dialer.is_connected()
    while dialer not in hosts.waiter.wait(PATIENCE_S):
        pass
    assert dialer.receive() == [b"come"]


def test_a_link_that_is_closed_is_watched_no_more(hosts: Hosts) -> None:
    """The number of its descriptor is the next one's."""
    listener, dialer = hosts.pair()
    assert dialer.send(b"x")
    listener.close()
    listener.close()
    dialer.close()
    assert hosts.waiter.wait(0) == []
    listener, dialer = hosts.pair()
    assert dialer.send(b"x")
    assert hosts.next(listener) == [b"m", b"x"]


# --- connections


def test_a_peer_that_is_not_there_is_said_at_once(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    assert listener.send(b"x", [b"part"], to=b"nobody") is False
    assert listener.send(b"x", to=b"m") is True
    dialer.close()
    hosts.until(lambda: not listener.send(b"x", to=b"m"))


def test_one_that_finds_nobody_takes_nothing(hosts: Hosts) -> None:
    dialer = hosts.dial(f"tcp://127.0.0.1:{unused_port()}")
    assert dialer.send(b"x", [b"y"]) is False
    assert not dialer.is_connected()
    dialer.keep_up(math.inf)
    assert dialer.deadline() == math.inf


def test_a_patient_one_keeps_what_it_is_given(hosts: Hosts) -> None:
    port = unused_port()
    dialer = hosts.dial(f"tcp://127.0.0.1:{port}", patient=True)
    assert dialer.send(b"early", [b"part"])
    listener, _ = hosts.listen(port=port)
    assert hosts.next(listener) == [b"m", b""]
    assert contents(hosts.next(listener)) == [b"m", b"early", b"part"]


def test_an_error_that_is_nobodys_absence_is_raised(hosts: Hosts) -> None:
    listener, _ = hosts.pair()
    listener.close()
    with pytest.raises(zmq.ZMQError, match=r"not supported|not a socket|non-socket"):
        listener.send(b"x", to=b"m")


def test_a_connection_that_comes_back_announces_itself_again(hosts: Hosts) -> None:
    listener, url = hosts.listen()
    dialer = hosts.dial(url)
    assert hosts.next(listener) == [b"m", b""]
    listener.close()
    while dialer.send(b"lost"):  # which may itself notice that the connection is gone: then nothing else tells of it
        hosts.waiter.wait(0.05)
    listener, _ = hosts.listen(port=int(url.rpartition(":")[2]))
    assert hosts.next(listener) == [b"m", b""]
    hosts.until(lambda: dialer.send(b"heard"))
    assert hosts.next(listener) == [b"m", b"heard"]


def test_a_newcomer_of_the_same_name_takes_over(hosts: Hosts) -> None:
    listener, url = hosts.listen()
    old = hosts.dial(url)
    assert hosts.next(listener) == [b"m", b""]
    new = hosts.dial(url)
    assert hosts.next(listener) == [b"m", b""]
    assert listener.send(b"for you", to=b"m")
    assert hosts.next(new) == [b"for you"]
    assert old.receive() is None


def test_what_is_on_its_way_has_its_time_to_leave(hosts: Hosts) -> None:
    listener, dialer = hosts.pair()
    parts = [bytes(BIG)] * 400
    assert dialer.send(b"large", parts)
    closing = threading.Thread(target=dialer.close, args=(1000 * PATIENCE_S,))
    closing.start()
    closing.join()
    assert len(hosts.next(listener)) == 2 + len(parts)


@pytest.mark.parametrize("link", ["data", "control"])
def test_what_is_larger_than_a_piece_is_refused_and_the_link_goes_on(hosts: Hosts, link: Link) -> None:
    listener, dialer = hosts.pair(link)
    assert dialer._transmit([bytes(MOST_AT_ONCE + 1)], None)  # as another program would send it
    assert hosts.next(listener) == [b"m", b""]  # the connection was ended, and made again
    hosts.until(lambda: dialer.send(b"small"))
    assert hosts.next(listener) == [b"m", b"small"]


@pytest.mark.parametrize("link", ["data", "control"])
def test_a_large_frame_arrives_whole_and_what_was_sent_after_it_comes_after_it(hosts: Hosts, link: Link) -> None:
    listener, dialer = hosts.pair(link)
    large = os.urandom(5 * LARGE + 77)
    assert dialer.send(b"first")
    assert dialer.send(large)
    assert dialer.send(b"behind", [b"part"])
    assert dialer.send(large, [large, b"small"])
    assert dialer.send(b"last")
    assert hosts.next(listener) == [b"m", b"first"]
    assert [hosts.next(listener)[1] == large, *map(bytes, hosts.next(listener)[1:])] == [True, b"behind", b"part"]
    _, frame, part, small = hosts.next(listener)
    assert (frame == large, bytes(part.content()) == large, bytes(small)) == (True, True, b"small")
    assert hosts.next(listener) == [b"m", b"last"]
    assert listener.send(large, to=b"m")
    assert listener.send(b"behind", to=b"m")
    assert hosts.next(dialer) == [large]
    assert hosts.next(dialer) == [b"behind"]


# --- ports


def test_a_port_of_the_range_is_found_and_the_taken_ones_passed_over(hosts: Hosts) -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = taken.getsockname()[1]
        url = hosts.listener().bind("127.0.0.1", None, (first, first + 20))
        assert first < int(url.rpartition(":")[2]) <= first + 20


@pytest.mark.parametrize("ranged", [True, False])
def test_a_taken_port_is_named(hosts: Hosts, ranged: bool) -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        choice = (None, (port, port)) if ranged else (port, (1, 2))
        with pytest.raises(ExecutorError, match=rf"127\.0\.0\.1, port {port}.*in use"):
            TcpListener(hosts.context).bind("127.0.0.1", *choice)


def test_an_address_of_another_machine_is_named_without_trying_each_port(hosts: Hosts) -> None:
    with pytest.raises(ExecutorError, match=r"198\.51\.100\.7.*assign"):
        TcpListener(hosts.context).bind("198.51.100.7", None, (50000, 60000))


def test_an_empty_range_is_said(hosts: Hosts) -> None:
    with pytest.raises(ExecutorError, match="5 to 4: the range is empty"):
        TcpListener(hosts.context).bind("127.0.0.1", None, (5, 4))


def test_an_unknown_name_is_said(hosts: Hosts) -> None:
    with pytest.raises(ExecutorError, match=r"no\.such\.host\.invalid.*not known here"):
        TcpListener(hosts.context).bind("no.such.host.invalid")


def test_a_wildcard_listens_everywhere(hosts: Hosts) -> None:
    assert hosts.listener().bind("*").startswith("tcp://0.0.0.0:")


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="this machine has no IPv6")
def test_ipv6_addresses_work(hosts: Hosts) -> None:
    listener = hosts.listener()
    url = listener.bind("[::1]")
    assert url.startswith("tcp://[::1]:")
    listener.watch(hosts.waiter)
    hosts.dial(url)
    assert hosts.next(listener) == [b"m", b""]
