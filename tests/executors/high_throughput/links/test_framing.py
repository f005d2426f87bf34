"""Messages cut out of a stream, wherever it is cut itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from struct import pack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.links.framing import (
    GREETING_FRAME,
    HEAD,
    MOST_DESCRIPTORS,
    MOST_PARTS,
    SEGMENT,
    Assembler,
    head_of,
)
from parsl_like.serialize.segments import Segment

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

MAX_FRAME, MAX_PART = 1000, 10_000
Message = tuple[bytes, list[tuple[bytes, bool]]]
"""A frame and its parts: the content of each, and whether it is a segment."""

parts = st.tuples(st.binary(min_size=1, max_size=40), st.booleans())
messages = st.lists(st.tuples(st.binary(max_size=60), st.lists(parts, max_size=4)), max_size=8)


def assembler() -> Assembler:
    return Assembler(MAX_FRAME, MAX_PART)


def written(message: Message) -> tuple[bytes, list[int]]:
    """The bytes of a message, and new descriptors of its segments."""
    frame, kinds = message
    made = [Segment.holding([content]) if is_segment else content for content, is_segment in kinds]
    segments = [part for part in made if isinstance(part, Segment)]
    inline = [part for part in made if not isinstance(part, Segment)]
    data = b"".join([head_of(frame, made, len(segments)), frame, *inline])
    return data, [os.dup(segment.descriptor) for segment in segments]


def read(message: Sequence[Any]) -> Message:
    """What an assembler found."""
    frame, *found = message
    return frame, [
        (bytes(part.copied()), True) if isinstance(part, Segment) else (bytes(part), False) for part in found
    ]


@given(messages, st.lists(st.integers(1, 50)))
@settings(max_examples=300, deadline=None)
def test_a_stream_may_be_cut_anywhere(sent: list[Message], cuts: list[int]) -> None:
    stream, starts = b"", {}
    for message in sent:
        data, descriptors = written(message)
        starts[len(stream)] = descriptors
        stream += data
    taking, found, at = assembler(), [], 0
    for size in [*cuts, len(stream)]:
        # The kernel passes descriptors with the first byte of the message they were sent with.
        passed = [one for start, those in starts.items() if at <= start < at + size for one in those]
        if at < len(stream):
            found += [read(message) for message in taking.take(stream[at : at + size], passed)]
        at += size
    assert found == sent


def test_bytes_one_by_one_make_the_same_messages() -> None:
    sent: list[Message] = [(b"one", []), (b"", []), (b"two", [(b"part", False), (b"x" * 300, False)]), (b"end", [])]
    taking = assembler()
    stream = b"".join(written(message)[0] for message in sent)
    found = [message for n in range(len(stream)) for message in taking.take(stream[n : n + 1])]
    assert [read(message) for message in found] == sent


def test_a_frame_without_parts_costs_eight_bytes() -> None:
    assert head_of(b"frame", [], 0) == HEAD.pack(5, 0)
    assert HEAD.size == 8


def test_segments_beyond_those_that_are_passed_count_as_bytes() -> None:
    segments = [Segment.holding([bytes(n + 1)]) for n in range(3)]
    head = head_of(b"f", segments, 2)
    assert head == pack("<II3Q", 1, 3, SEGMENT | 1, SEGMENT | 2, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (HEAD.pack(MAX_FRAME + 1, 0), f"frame of {MAX_FRAME + 1} bytes"),
        (HEAD.pack(MAX_FRAME + 1, 1), f"frame of {MAX_FRAME + 1} bytes"),
        (HEAD.pack(1, MOST_PARTS + 1), f"{MOST_PARTS + 1} parts"),
        (pack("<IIQ", 1, 1, MAX_PART + 1), f"part of {MAX_PART + 1} bytes"),
        (pack("<IIQ", 1, 1, SEGMENT | (MAX_PART + 1)), f"part of {MAX_PART + 1} bytes"),
        (pack("<II2Q", 1, 2, 1, SEGMENT - 1), f"part of {SEGMENT - 1} bytes"),
        (b"GET / HTTP/1.1\r\nHost: example\r\n\r\n", "is too large"),
        (b"\xff" * 64, "is too large"),
    ],
)
def test_what_is_too_large_is_refused_before_it_has_come(data: bytes, words: str) -> None:
    with pytest.raises(BadMessage, match=words):
        assembler().take(data)


def test_the_largest_are_taken() -> None:
    message = (bytes(MAX_FRAME), [(bytes(MAX_PART), False), (bytes(MAX_PART), True)])
    data, descriptors = written(message)
    (found,) = assembler().take(data, descriptors)
    assert read(found) == message


def test_as_many_parts_as_may_be_are_taken() -> None:
    message: Message = (b"", [(b"x", False)] * MOST_PARTS)
    (found,) = assembler().take(written(message)[0])
    assert len(found) == 1 + MOST_PARTS


def test_a_descriptor_that_did_not_come_is_missed() -> None:
    data, descriptors = written((b"f", [(b"one", True), (b"two", True)]))
    os.close(descriptors.pop())
    with pytest.raises(BadMessage, match="too many open files"):
        assembler().take(data, descriptors)


def test_a_segment_that_is_shorter_than_was_said_is_refused_and_closed() -> None:
    segment = Segment.holding([b"short"])
    data = pack("<IIQ", 1, 1, SEGMENT | 6) + b"f"
    with pytest.raises(ValueError, match="a segment of 6 bytes has only 5"):
        assembler().take(data, [os.dup(segment.descriptor)])


def test_a_descriptor_that_is_no_file_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(ValueError, match="has only 0"):
        assembler().take(pack("<IIQ", 1, 1, SEGMENT | 6) + b"f", [reading])


def test_a_descriptor_that_no_part_asks_for_is_refused() -> None:
    """It would stand for the next message's part otherwise."""
    data, descriptors = written((b"f", [(b"one", True)]))
    taking = assembler()
    with pytest.raises(BadMessage, match="1 descriptors came that belong to no part"):
        taking.take(data, [*descriptors, os.dup(0)])
    taking.discard()


def test_descriptors_cannot_be_heaped_up() -> None:
    taking = assembler()
    incomplete = HEAD.pack(100, 0)
    taking.take(incomplete, [os.dup(0) for _ in range(2 * MOST_DESCRIPTORS)])
    with pytest.raises(BadMessage, match=f"{2 * MOST_DESCRIPTORS + 1} descriptors"):
        taking.take(b"x", [os.dup(0)])
    taking.discard()


def test_what_belongs_to_no_whole_message_is_given_back() -> None:
    data, descriptors = written((b"frame", [(b"one", True), (b"two", True)]))
    taking = assembler()
    assert taking.take(data[:-1], descriptors) == []
    taking.discard()
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_segments_become_bytes_where_descriptors_are_scarce(
    scarce_descriptors: Callable[..., AbstractContextManager[None]],
) -> None:
    data, (descriptor,) = written((b"f", [(b"content", True)]))
    with scarce_descriptors(1):
        ((frame, part),) = assembler().take(data, [os.dup(descriptor)])
    os.close(descriptor)
    assert (frame, part, type(part)) == (b"f", b"content", bytearray)


@pytest.mark.parametrize("head", [HEAD.pack(GREETING_FRAME + 1, 0), HEAD.pack(1, 1), b"GET / HT", b"\xff" * 8])
@pytest.mark.parametrize("cut", [0, 5])
def test_before_the_greeting_nothing_large_is_waited_for(head: bytes, cut: int) -> None:
    taking = Assembler(1 << 30, 1 << 30, greeted=False)
    assert taking.take(head[:cut]) == []
    with pytest.raises(BadMessage, match="greeting"):
        taking.take(head[cut:])


def test_after_the_greeting_all_is_as_usual() -> None:
    taking = Assembler(MAX_FRAME, MAX_PART, greeted=False)
    data, _ = written((b"frame", [(b"part", False)]))
    assert [read(message) for message in taking.take(HEAD.pack(2, 0) + b"hi" + data)] == [
        (b"hi", []),
        (b"frame", [(b"part", False)]),
    ]
