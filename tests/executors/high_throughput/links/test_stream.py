"""One connection between two processes: messages both ways, whatever the socket takes at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.links import stream
from parsl_like.executors.high_throughput.links.framing import HEAD, MOST_DESCRIPTORS
from parsl_like.executors.high_throughput.links.port import BIG
from parsl_like.executors.high_throughput.links.stream import Stream
from parsl_like.executors.high_throughput.links.waiting import WRITE, Waiter
from parsl_like.executors.high_throughput.protocol import MOST_BYTES
from parsl_like.serialize.segments import Segment

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

PATIENCE_S = 60


class Pair:
    """Two streams joined to each other, watched as their owners would."""

    def __init__(self) -> None:
        self.waiter = Waiter()
        self.sockets = socket.socketpair()
        self.wanted: dict[Stream, list[bool]] = {}
        self.left, self.right = (self._stream(one) for one in self.sockets)

    def _stream(self, one: socket.socket) -> Stream:
        made = Stream(one, lambda wanted: self._want(made, wanted))
        self.wanted[made] = []
        self.waiter.add(one.fileno(), made, partial(self._note, made))
        return made

    def _want(self, stream: Stream, wanted: bool) -> None:
        if wanted != (self.wanted[stream] or [False])[-1]:
            self.wanted[stream].append(wanted)
            self.waiter.watch_writing(stream.fileno(), wanted)

    def _note(self, stream: Stream, mask: int) -> bool:
        if mask & WRITE:
            stream.flush()
        return True

    def receive(self, stream: Stream, count: int) -> list[list[Any]]:
        """So many messages."""
        found: list[list[Any]] = []
        while len(found) < count:
            message = stream.receive()
            if message is None:
                assert not stream.broken
                assert self.waiter.wait(PATIENCE_S)
            else:
                found.append(message)
        return found

    def close(self) -> None:
        self.waiter.close()
        self.left.close()
        self.right.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def content(part: Any) -> bytes:
    return bytes(part.copied()) if isinstance(part, Segment) else bytes(part)


def contents(message: Sequence[Any]) -> list[bytes]:
    return [content(part) for part in message]


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes of which no two stretches are alike."""
    return b"".join((seed + n).to_bytes(8, "little") for n in range(-(-size // 8)))[:size]


sizes = st.one_of(st.integers(0, 200), st.sampled_from([BIG - 1, BIG, BIG + 1, 300_000]))
parts = st.tuples(st.sampled_from([bytes, bytearray, memoryview, Segment]), sizes)
messages = st.lists(st.tuples(sizes, st.lists(parts, max_size=5)), max_size=12)


def made(kind: Any, size: int) -> Any:
    data = pattern(size + 1, size)
    return Segment.holding([data]) if kind is Segment else kind(data)


@given(messages)
@settings(max_examples=60, deadline=None)
def test_messages_of_all_sizes_arrive_whole_and_in_order(sizes: list[tuple[int, list[tuple[Any, int]]]]) -> None:
    pair = Pair()
    try:
        sent = [(pattern(size), [made(*part) for part in parts]) for size, parts in sizes]
        for frame, those in sent:
            assert pair.left.send(frame, those)
        for (frame, those), message in zip(sent, pair.receive(pair.right, len(sent)), strict=True):
            assert contents(message) == [frame, *map(content, those)]
    finally:
        pair.close()


def test_both_sides_speak(pair: Pair) -> None:
    assert pair.left.receive() is None
    assert pair.left.send(b"question", [b"?"])
    assert pair.right.send(b"answer")
    assert pair.receive(pair.left, 1) == [[b"answer"]]
    assert pair.receive(pair.right, 1) == [[b"question", b"?"]]


def test_thousands_of_small_messages_keep_their_order_though_nobody_reads(pair: Pair) -> None:
    count = 50_000
    for number in range(count):
        assert pair.left.send(b"%d" % number)
    assert pair.wanted[pair.left] == [True]
    assert pair.receive(pair.right, count) == [[b"%d" % number] for number in range(count)]
    assert pair.wanted[pair.left] == [True, False]


def test_messages_with_and_without_parts_keep_their_order_under_pressure(pair: Pair) -> None:
    sent = []
    for number in range(500):
        frame = b"%d" % number
        parts = [pattern(3000, number)] * (number % 3) + [Segment.holding([frame])] * (number % 4 == 0)
        assert pair.left.send(frame, parts)
        sent.append([frame, *map(content, parts)])
    assert pair.wanted[pair.left] == [True]
    assert [contents(message) for message in pair.receive(pair.right, 500)] == sent


def test_a_large_frame_arrives(pair: Pair) -> None:
    frame = bytes(64 * 1024 * 1024)
    assert pair.left.send(frame)
    assert pair.left.send(b"next")
    assert pair.receive(pair.right, 2) == [[frame], [b"next"]]


def test_large_parts_become_shared_memory_and_small_ones_do_not(pair: Pair) -> None:
    assert pair.left.send(b"f", [pattern(BIG), memoryview(bytearray(pattern(BIG - 1))), bytearray(pattern(BIG + 1))])
    ((_, large, small, other),) = pair.receive(pair.right, 1)
    assert [type(part) for part in (large, small, other)] == [Segment, memoryview, Segment]
    assert contents((large, small, other)) == [pattern(BIG), pattern(BIG - 1), pattern(BIG + 1)]


def test_a_segment_is_passed_and_not_copied(pair: Pair) -> None:
    segment = Segment.written([pattern(3_000_000)])
    assert pair.left.send(b"f", [segment])
    ((_, passed),) = pair.receive(pair.right, 1)
    assert os.fstat(passed.descriptor).st_ino == os.fstat(segment.descriptor).st_ino
    assert passed.descriptor != segment.descriptor
    assert not os.get_inheritable(passed.descriptor)
    segment.close()
    assert bytes(passed.buffers()[0]) == pattern(3_000_000)


def test_without_room_for_shared_memory_large_parts_travel_as_bytes(
    pair: Pair, scarce_descriptors: Callable[..., AbstractContextManager[None]]
) -> None:
    """Neither the last descriptors nor those that others may need are taken for it."""
    for left in (0, 1):
        with scarce_descriptors(left):
            assert pair.left.send(b"f", [pattern(BIG)])
            ((_, part),) = pair.receive(pair.right, 1)
        assert (type(part), part) == (memoryview, pattern(BIG))


@pytest.mark.parametrize("count", [MOST_DESCRIPTORS, MOST_DESCRIPTORS + 1, 1000])
def test_segments_beyond_what_one_message_can_pass_travel_as_bytes(pair: Pair, count: int) -> None:
    segment = Segment.holding([pattern(100)])
    parts = [segment if n % 2 else b"%d" % n for n in range(2 * count)]
    assert pair.left.send(b"f", parts)
    assert pair.left.send(b"next", [segment])
    many, (_, last) = pair.receive(pair.right, 2)
    assert contents(many) == [b"f", *map(content, parts)]
    kinds = [type(part) for part in many[2::2]]
    assert kinds == [Segment] * MOST_DESCRIPTORS + [memoryview] * (count - MOST_DESCRIPTORS)
    assert content(last) == pattern(100)


def test_parts_may_be_empty(pair: Pair) -> None:
    assert pair.left.send(b"", [b"", b"x", b""] * 400)
    assert pair.left.send(b"")
    assert [contents(message) for message in pair.receive(pair.right, 2)] == [[b"", *[b"", b"x", b""] * 400], [b""]]


def test_descriptors_do_not_hide_what_came_behind_them(pair: Pair) -> None:
    """The kernel ends a read where descriptors are: that is not the end of what has come."""
    segment = Segment.holding([b"x"])
    for number in range(3):
        assert pair.left.send(b"%d" % number, [segment])
    assert [(pair.right.receive() or [None])[0] for _ in range(4)] == [b"0", b"1", b"2", None]


def test_a_message_is_not_asked_for_twice(pair: Pair) -> None:
    """One read tells that there is no more, so the next answer is None without another, and the one after reads."""
    assert pair.left.send(b"one")
    assert pair.right.receive() == [b"one"]
    assert pair.left.send(b"two")
    assert pair.right.receive() is None
    assert pair.right.receive() == [b"two"]


# --- the end of a connection


def test_what_came_before_the_end_is_read(pair: Pair) -> None:
    for number in range(100):
        assert pair.left.send(b"%d" % number)
    pair.sockets[0].send(HEAD.pack(1000, 0) + b"half")
    pair.waiter.remove(pair.left.fileno())
    pair.left.close()
    assert pair.receive(pair.right, 100) == [[b"%d" % number] for number in range(100)]
    while not pair.right.broken:
        assert pair.right.receive() is None


def test_what_came_before_the_end_is_read_even_if_the_other_side_has_left_something_unread(pair: Pair) -> None:
    """Then the kernel reports a reset, to whoever writes at once, to whoever reads after the last byte."""
    assert pair.right.send(b"unread")
    assert pair.left.send(b"first")
    assert pair.right.receive() == [b"first"]
    for number in range(100):
        assert pair.left.send(b"%d" % number, [b"part"])
    pair.waiter.remove(pair.left.fileno())
    pair.left.close()
    assert pair.right.send(b"too late") is False
    assert pair.right.broken
    found = [pair.right.receive() for _ in range(101)]
    assert found == [*([b"%d" % number, b"part"] for number in range(100)), None]


@pytest.mark.parametrize("parts", [[], [b"part"]])
def test_nothing_is_sent_to_one_who_is_gone(pair: Pair, parts: list[bytes]) -> None:
    pair.waiter.remove(pair.right.fileno())
    pair.right.close()
    assert pair.left.send(b"x", parts) is False
    assert pair.left.broken
    assert pair.left.send(b"x", parts) is False
    assert pair.left.receive() is None


def test_what_was_kept_for_one_who_is_gone_is_forgotten(pair: Pair) -> None:
    segment = Segment.holding([b"x"])
    while not pair.wanted[pair.left]:
        pair.left.send(bytes(60_000))
    assert pair.left.send(b"last", [segment])
    pair.waiter.remove(pair.right.fileno())
    pair.right.close()
    assert pair.left.flush() is False
    assert pair.left.broken
    assert pair.left.flush() is True, "there is nothing left"


def test_closing_gives_back_descriptors_that_nobody_has_read(pair: Pair) -> None:
    segment = Segment.holding([pattern(100)])
    for _ in range(3):
        assert pair.left.send(b"f", [segment, segment])
    assert pair.right.receive() is not None  # the fixture counts descriptors after the end


def test_closing_gives_back_descriptors_of_half_a_message(pair: Pair) -> None:
    segment = Segment.holding([bytes(100)])
    head = HEAD.pack(100, 1) + (1 << 63 | 100).to_bytes(8, "little")
    socket.send_fds(pair.sockets[0], [head], [segment.descriptor])
    assert pair.right.receive() is None


class Drain:
    """Somebody who reads everything, in a thread of his own."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source.dup()
        self._source.setblocking(True)
        self.size = 0
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while data := self._source.recv(1 << 20):
            self.size += len(data)

    def join(self) -> int:
        self._thread.join(PATIENCE_S)
        self._source.close()
        return self.size


def test_what_was_kept_has_its_time_to_leave(pair: Pair) -> None:
    for _ in range(200):
        assert pair.left.send(bytes(60_000))
    assert pair.wanted[pair.left] == [True]
    drain = Drain(pair.sockets[1])
    pair.waiter.remove(pair.left.fileno())
    pair.left.close(1000 * PATIENCE_S)
    assert drain.join() == 200 * (HEAD.size + 60_000)


def test_without_time_it_stays_behind(pair: Pair) -> None:
    for _ in range(200):
        assert pair.left.send(bytes(60_000))
    pair.waiter.remove(pair.left.fileno())
    pair.left.close()
    assert 0 < Drain(pair.sockets[1]).join() < 200 * 60_000


def test_one_who_never_reads_is_not_waited_for_longer_than_allowed(pair: Pair) -> None:
    for _ in range(200):
        assert pair.left.send(bytes(60_000))
    pair.waiter.remove(pair.left.fileno())
    pair.left.close(50)
    assert pair.left.broken


def test_one_who_goes_while_he_is_waited_for_is_not_waited_for(pair: Pair) -> None:
    for _ in range(200):
        assert pair.left.send(bytes(60_000))
    hang_up = threading.Timer(0.05, pair.sockets[1].shutdown, (socket.SHUT_RDWR,))
    hang_up.start()
    pair.waiter.remove(pair.left.fileno())
    pair.left.close(1000 * 3600)
    hang_up.join()


# --- what is malformed


def test_garbage_breaks_the_connection(pair: Pair) -> None:
    pair.sockets[0].send(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(BadMessage, match="too large"):
        pair.right.receive()
    assert pair.right.broken
    assert pair.right.send(b"x") is False


def test_a_frame_that_is_too_large_breaks_the_connection(pair: Pair) -> None:
    pair.sockets[0].send(HEAD.pack(MOST_BYTES + 1, 0))
    with pytest.raises(BadMessage, match=f"frame of {MOST_BYTES + 1} bytes"):
        pair.right.receive()


def test_descriptors_for_which_there_is_no_room_break_the_connection(
    pair: Pair, scarce_descriptors: Callable[..., AbstractContextManager[None]]
) -> None:
    """Some of them may have come: they would stand for the wrong parts."""
    assert pair.left.send(b"f", [Segment.holding([b"%d" % n]) for n in range(5)])
    with scarce_descriptors(2), pytest.raises(BadMessage, match="too many open files"):
        pair.right.receive()
    assert pair.right.broken


def test_more_descriptors_than_a_message_may_have_break_the_connection(pair: Pair) -> None:
    socket.send_fds(pair.sockets[0], [HEAD.pack(1, 0)], [0] * (2 * MOST_DESCRIPTORS))
    with pytest.raises(BadMessage):
        pair.right.receive()


def test_a_descriptor_of_something_else_breaks_the_connection(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory has a size and cannot be read."""
    monkeypatch.setattr("parsl_like.serialize.segments.is_affordable", lambda *_: False)
    directory = os.open("/", os.O_RDONLY)
    try:
        head = HEAD.pack(1, 1) + (1 << 63 | 1).to_bytes(8, "little")
        socket.send_fds(pair.sockets[0], [head + b"f"], [directory])
    finally:
        os.close(directory)
    with pytest.raises(BadMessage, match=r"directory|only 0"):
        pair.right.receive()


# --- limits of the system


IN_FLIGHT = """
import os, resource, socket
from parsl_like.executors.high_throughput.links.stream import Stream
from parsl_like.serialize.segments import Segment

segment = Segment.holding([b"content"])
one, other = socket.socketpair()
wanted = []
resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
if os.geteuid() == 0:
    os.setgroups([])
    os.setuid(65534)  # root may have as many on their way as it likes
left, right = Stream(one, wanted.append), Stream(other, wanted.append)
for number in range(20):
    assert left.send(b"%d" % number, [segment] * 60)
kinds = set()
for number in range(20):
    frame, *parts = right.receive()
    assert frame == b"%d" % number, frame
    assert [bytes(getattr(part, "copied", lambda: part)()) for part in parts] == [b"content"] * 60
    kinds |= {isinstance(part, memoryview) for part in parts}
print(*sorted(kinds), *set(wanted))
"""


def test_where_too_many_descriptors_are_on_their_way_parts_travel_as_bytes() -> None:
    """The kernel bounds those that nobody has taken yet, by user (``man 7 unix``, ETOOMANYREFS)."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # nobody may write there
    done = subprocess.run(
        [sys.executable, "-c", IN_FLIGHT], capture_output=True, text=True, timeout=60, check=False, env=plain
    )
    assert (done.stdout.split(), done.stderr) == (["False", "True", "False"], "")


def test_the_limits_are_those_of_the_kernel() -> None:
    assert MOST_DESCRIPTORS <= 253  # SCM_MAX_FD
    assert os.sysconf("SC_IOV_MAX") >= stream._WRITEV_PARTS
