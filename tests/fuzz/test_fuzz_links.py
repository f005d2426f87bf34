"""Foreign bytes on links and pipes: BadMessage or silence, no descriptor left, no more memory than was sent."""

from __future__ import annotations

import itertools
import os
import socket
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.links import pieces
from parsl_like.executors.high_throughput.links.framing import HEAD, SEGMENT, Assembler, head_of
from parsl_like.executors.high_throughput.links.local import GREETING, SCHEME, LocalListener
from parsl_like.executors.high_throughput.links.port import LARGE, MAX_BODY
from parsl_like.executors.high_throughput.links.stream import Stream
from parsl_like.executors.high_throughput.node.pipe import ManagerEnd, WorkerEnd, encode_item, pack_task
from parsl_like.executors.high_throughput.protocol import MOST_BYTES
from parsl_like.serialize.segments import Segment, anonymous_file, buffers_of, layout, split
from tests.fuzz.budget import budget, little_memory
from tests.fuzz.test_fuzz_messages import mutated

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.timeout(900)

NUMBERS = st.integers(0, 70) | st.sampled_from(
    [0xFFFF, 65536, 65537, (1 << 31) - 1, (1 << 32) - 1, MAX_BODY, MAX_BODY + 1, SEGMENT, SEGMENT + 1, SEGMENT | 5]
)


@st.composite
def streams(draw: Any) -> bytes:
    """Messages one after another, right or nearly so."""
    data = b""
    for _ in range(draw(st.integers(0, 4))):
        frame = draw(st.binary(max_size=60))
        parts = draw(st.lists(st.binary(max_size=60), max_size=3))
        if draw(st.booleans()):
            data += head_of(frame, parts, 0) + frame + b"".join(parts)
        else:
            numbers = draw(st.lists(NUMBERS, max_size=4))
            head = HEAD.pack(
                draw(NUMBERS) & 0xFFFFFFFF, draw(st.just(len(numbers)) | NUMBERS.map(lambda n: n & 0xFFFFFFFF))
            )
            data += head + b"".join(number.to_bytes(8, "little") for number in numbers) + frame
    return data


STREAMS = streams() | mutated(streams()) | st.binary(max_size=200)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


def heard(assembler: Assembler, chunks: Sequence[bytes]) -> tuple[list[list[bytes]], bool]:
    """The messages that a stream holds, and whether it was given up."""
    found: list[list[bytes]] = []
    try:
        for chunk in chunks:
            found += [[bytes(part) for part in message] for message in assembler.take(chunk)]
    except (BadMessage, ValueError, OSError):
        return found, True
    finally:
        assembler.discard()
    return found, False


@given(STREAMS, st.lists(st.integers(0, 300), max_size=6), st.booleans())
@budget(80)
def test_a_stream_is_understood_the_same_however_it_is_cut(data: bytes, places: list[int], greeted: bool) -> None:
    with little_memory(len(data)):
        cut_up, given_up = heard(Assembler(MOST_BYTES, MAX_BODY, greeted=greeted), cut(data, places))
    whole, at_once = heard(Assembler(MOST_BYTES, MAX_BODY, greeted=greeted), [data] if data else [])
    assert at_once or not given_up
    assert given_up == at_once
    if not at_once:
        assert cut_up == whole


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@given(STREAMS, st.integers(0, 5), st.integers(0, 100))
@budget(40)
def test_descriptors_that_come_with_nonsense_are_closed(data: bytes, passed: int, size: int) -> None:
    before = descriptors()
    here, there = socket.socketpair()
    stream = Stream(here, lambda wanted: None)
    files = [anonymous_file("fuzz") for _ in range(passed)]
    try:
        for file in files:
            os.ftruncate(file, size)
        if data:
            socket.send_fds(there, [data], files) if files else there.sendall(data)
        there.shutdown(socket.SHUT_WR)
        messages = []
        try:
            while (message := stream.receive()) is not None:
                messages.append(message)
        except BadMessage:
            assert stream.broken
        for part in (part for message in messages for part in message):
            if isinstance(part, Segment):
                assert len(part.copied()) <= size
        del messages
    finally:
        for file in files:
            os.close(file)
        there.close()
        stream.close()
    assert descriptors() == before


GREETINGS = st.binary(max_size=60) | st.builds(
    lambda name, rest: HEAD.pack(len(GREETING + name), 0) + GREETING + name + rest,
    st.binary(max_size=300),
    STREAMS,
)


@given(GREETINGS | mutated(GREETINGS), st.booleans())
@budget(40)
def test_whoever_does_not_greet_is_not_heard(data: bytes, hang_up: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "door")
        door = LocalListener(SCHEME + path)
        try:
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(path)
                caller.sendall(data)
                if hang_up:
                    caller.close()
                door._accept(0)
                with little_memory(len(data)):
                    while (message := door.receive()) is not None:
                        assert data.find(GREETING) >= 0
                        assert message[0] in data
                assert len(door._all) <= 1
        finally:
            door.close()


# --- pieces

PIECES = st.builds(
    lambda head, number, index, size, at, piece, extra: [
        pieces._PIECE_HEAD.pack(head, number, index, size, at),
        piece,
        *extra,
    ],
    st.just(pieces._PIECE),
    st.integers(0, 3),
    st.integers(0, 4) | st.just(0xFFFF),
    st.sampled_from([0, 1, LARGE - 1, LARGE, LARGE + 10, MAX_BODY, MAX_BODY + 1, MOST_BYTES, (1 << 64) - 1]),
    st.sampled_from([0, 0, 1, LARGE - 5, LARGE, (1 << 64) - 1]),
    st.binary(max_size=20) | st.just(bytes(LARGE)) | st.just(bytes(LARGE - 5)),
    st.lists(st.just(b""), max_size=1),
)
RESTS = st.builds(
    lambda number, rest: [pieces._REST_HEAD.pack(pieces._REST, number), *rest],
    st.integers(0, 3),
    st.lists(st.binary(max_size=5), max_size=6),
)
OTHERS = st.builds(
    lambda frame, rest: [pieces.MARK + frame, *rest], st.binary(max_size=40), st.lists(st.binary(), max_size=2)
)


@given(st.lists(PIECES | RESTS | OTHERS, max_size=12))
@budget(40)
def test_pieces_in_any_order(said: list[list[bytes]]) -> None:
    before = descriptors()
    gatherer, cutter, kept = pieces.Gatherer(), pieces.Cutter(), []
    cutter.put(b"frame", [bytes(20 * 1024 * 1024)])
    cutter.due()
    sent = sum(len(part) for message in said for part in message)
    for message in said:
        try:
            if pieces.is_piece(message[0]):
                assert pieces.is_done(gatherer.take(message))
            elif pieces.is_rest(message[0]):
                kept.append(gatherer.finish(message))
            elif pieces.is_done(message[0]):
                cutter.done(message[0])
                assert cutter._queue[0].in_flight >= 0
        except BadMessage:
            continue
    assert descriptors() - before <= 1 + sent // LARGE, "room is made for one part more than has come"
    for whole in kept:
        assert isinstance(whole[0], bytes)
    del gatherer, kept
    assert descriptors() == before


# --- the pipe between a manager and a worker, on which tasks may write, too

REPORTS = st.builds(
    lambda attempt, size, item: (
        attempt.to_bytes(8, "little", signed=True) + bytes(8) + size.to_bytes(8, "little") + item
    ),
    st.integers(-3, 5) | st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(0, 3) | st.integers(0, (1 << 64) - 1),
    st.binary(max_size=60),
)


def item_of(attempt: int, body: bytes, buffers: int) -> bytes:
    return encode_item(attempt, 0, body, buffers, 1.0, 2.0, 0)


GOOD = st.builds(
    lambda attempt, body: attempt.to_bytes(8, "little") + bytes(16) + item_of(attempt, body, 0),
    st.integers(0, 5),
    st.binary(max_size=30),
)


@given(st.lists(REPORTS | GOOD | mutated(GOOD) | st.binary(min_size=1, max_size=100), max_size=6), st.booleans())
@budget(40)
@example([b"\xff" * 8 + bytes(16), b"\xff" * 8 + bytes(16)], True)
def test_what_a_task_writes_into_its_workers_pipe(packets: list[bytes], with_file: bool) -> None:
    before = descriptors()
    end = ManagerEnd()
    worker = socket.socket(fileno=os.dup(end.worker_descriptor))
    try:
        for packet in packets:
            if with_file:
                file = anonymous_file("fuzz")
                socket.send_fds(worker, [packet], [file])
                os.close(file)
            else:
                worker.send(packet)
        for result in end.receive():
            assert result.item == b"" or result.attempt < 0 or item_is_sound(result.attempt, result.item)
    finally:
        worker.close()
        end.close()
    assert descriptors() == before


def item_is_sound(attempt: int, item: bytes) -> bool:
    """Whether a driver can read it."""
    import msgspec

    from parsl_like.executors.high_throughput.protocol import decode_items

    (read,) = decode_items(msgspec.Raw(b"\x91" + item))
    return read.attempt == attempt


@given(st.binary(max_size=100) | mutated(st.just(pack_task(5, b"h" * 16, (0, 3), b"body").packet)))
@budget(40)
def test_a_worker_reads_what_may_come(packet: bytes) -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    worker = WorkerEnd(there.detach(), 0)
    try:
        if packet:
            here.send(packet)
        here.close()
        try:
            task = worker.receive()
        except OSError:
            return
        assert task is None or task.error is None or isinstance(task.error, OSError | ValueError)
    finally:
        worker.close()


# --- what lies in shared memory


@given(
    st.binary(max_size=200)
    | mutated(st.lists(st.binary(max_size=50), min_size=1, max_size=4).map(lambda b: b"".join(layout(b))))
)
@budget(40)
def test_the_content_of_segments(content: bytes) -> None:
    with little_memory(len(content)):
        for read in (split, buffers_of):
            try:
                buffers = read(memoryview(content))
            except ValueError:
                continue
            assert sum(map(len, buffers)) <= len(content)


@given(st.binary(max_size=100), st.integers(1, 1 << 40))
@budget(40)
def test_segments_that_are_shorter_than_they_say(content: bytes, size: int) -> None:
    file = anonymous_file("fuzz")
    os.write(file, content)
    segment = Segment(file, size)
    with little_memory(len(content)):
        for read in (segment.content, segment.buffers, segment.copied):
            try:
                assert len(read()) <= len(content)
            except ValueError:
                assert size > len(content) or read == segment.buffers
