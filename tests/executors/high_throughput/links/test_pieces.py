"""Large parts cut into pieces and put together: whole, in turn, and again after a cut."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput.links import pieces
from parsl_like.executors.high_throughput.links.pieces import PIECE, WINDOW, Cutter, Gatherer
from parsl_like.executors.high_throughput.links.port import LARGE, MAX_BODY
from parsl_like.serialize.segments import Segment

FRAME = b"\x92 the frame"


def contents(message: list[Any]) -> list[bytes]:
    return [bytes(part.content() if isinstance(part, Segment) else part) for part in message]


def carry(cutter: Cutter, gatherer: Gatherer, most: int = 1 << 30) -> list[list[Any]]:
    """Let messages go there and acknowledgements back, until nothing is due or so many messages have gone."""
    whole = []
    while most and (due := cutter.due()):
        for message in due[:most]:
            most -= 1
            if pieces.is_piece(message[0]):
                cutter.done(gatherer.take(message))
            else:
                assert pieces.is_rest(message[0])
                whole.append(gatherer.finish(message))
    return whole


def test_a_large_part_arrives_as_a_sealed_segment_and_small_ones_stay_with_the_frame() -> None:
    large, small = os.urandom(LARGE + 12_345), b"small"
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(FRAME, [small, large, small])
    (whole,) = carry(cutter, gatherer)
    assert contents(whole) == [FRAME, small, large, small]
    assert isinstance(whole[2], Segment)
    with pytest.raises(PermissionError):
        os.ftruncate(whole[2].descriptor, 0)
    assert not cutter


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from([0, 7, LARGE - 1, LARGE, LARGE + 1, 3 * PIECE]), min_size=1, max_size=4).filter(
        lambda sizes: max(sizes) >= LARGE
    )
)
def test_any_mixture_of_sizes(sizes: list[int]) -> None:
    parts = [bytes([index]) * size for index, size in enumerate(sizes)]
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(FRAME, parts)
    (whole,) = carry(cutter, gatherer)
    assert contents(whole) == [FRAME, *parts]


def test_a_segment_is_cut_without_being_copied_first() -> None:
    segment = Segment.written([os.urandom(LARGE)])
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(FRAME, [segment])
    (whole,) = carry(cutter, gatherer)
    assert contents(whole) == [FRAME, bytes(segment.content())]


def test_no_more_than_a_window_is_on_its_way() -> None:
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(FRAME, [bytes(3 * WINDOW)])
    first = cutter.due()
    assert sum(len(message[1]) for message in first) == WINDOW
    assert cutter.due() == []
    cutter.done(gatherer.take(first[0]))
    assert [len(message[1]) for message in cutter.due()] == [PIECE]


def test_large_messages_keep_their_order() -> None:
    cutter, gatherer = Cutter(), Gatherer()
    for number in range(3):
        cutter.put(b"%d" % number, [bytes([number]) * LARGE])
    whole = carry(cutter, gatherer)
    assert [contents(message)[0] for message in whole] == [b"0", b"1", b"2"]


@pytest.mark.parametrize("sent", [0, 1, 3, 7])
def test_after_a_cut_it_goes_again_from_the_beginning(sent: int) -> None:
    large = os.urandom(3 * WINDOW)
    cutter, before = Cutter(), Gatherer()
    cutter.put(FRAME, [large])
    carry(cutter, before, sent)
    cutter.restart()
    (whole,) = carry(cutter, Gatherer())
    assert contents(whole) == [FRAME, large]


def test_a_receiver_that_heard_of_no_cut_begins_again_too() -> None:
    large = os.urandom(3 * WINDOW)
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(FRAME, [large])
    carry(cutter, gatherer, 3)
    cutter.restart()
    (whole,) = carry(cutter, gatherer)
    assert contents(whole) == [FRAME, large]


def test_late_acknowledgements_of_the_old_connection_do_not_count() -> None:
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(FRAME, [bytes(3 * WINDOW)])
    old = [gatherer.take(message) for message in cutter.due()]
    cutter.restart()
    assert sum(len(message[1]) for message in cutter.due()) == WINDOW
    for done in old:
        cutter.done(done)
    assert cutter.due() == []


def test_what_does_not_fit_together_is_refused() -> None:
    cutter = Cutter()
    cutter.put(FRAME, [bytes(4 * PIECE)])
    first, second, *_ = messages = cutter.due()
    with pytest.raises(BadMessage):
        Gatherer().take(second)  # the first is missing
    gatherer = Gatherer()
    gatherer.take(first)
    with pytest.raises(BadMessage):
        gatherer.take(first)  # comes twice
    with pytest.raises(BadMessage):
        Gatherer().finish(messages[-1] if pieces.is_rest(messages[-1][0]) else [pieces.MARK + b"M" + bytes(8), FRAME])
    with pytest.raises(BadMessage):
        Gatherer().take([first[0][:-1], b"x"])
    with pytest.raises(BadMessage):
        Cutter().done(b"\xc1A")


def test_a_part_that_is_too_large_is_refused_before_there_is_room_for_it() -> None:
    head = pieces._PIECE_HEAD.pack(pieces.MARK + b"P", 1, 0, MAX_BODY + 1, 0)
    with pytest.raises(BadMessage, match="bytes"):
        Gatherer().take([head, b"x"])


def test_a_message_that_ends_before_its_parts_is_refused() -> None:
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(FRAME, [bytes(4 * PIECE)])
    *_, last, rest = cutter.due()
    assert pieces.is_piece(last[0])
    with pytest.raises(BadMessage, match="have not come"):
        gatherer.finish(rest)


def test_a_large_frame_is_cut_like_a_part() -> None:
    frame, part = os.urandom(LARGE + 1), os.urandom(2 * LARGE)
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(frame, [b"small", part])
    assert cutter.has_large_frame()
    (whole,) = carry(cutter, gatherer)
    assert contents(whole) == [frame, b"small", part]
    assert isinstance(whole[0], bytes)
    assert not cutter.has_large_frame()
    cutter.put(FRAME, [part])
    assert not cutter.has_large_frame()


def test_what_only_waited_for_its_turn_goes_as_it_is() -> None:
    cutter, gatherer = Cutter(), Gatherer()
    cutter.put(bytes(LARGE), [])
    cutter.put(FRAME, [b"part"])
    *cut, plain = cutter.due()
    assert plain == [FRAME, b"part"]
    assert [len(gatherer.take(message)) > 0 for message in cut[:-1]] == [True, True]
    assert gatherer.finish(cut[-1]) == [bytes(LARGE)]


def piece(index: int, size: int, at: int, content: bytes) -> list[bytes]:
    return [pieces._PIECE_HEAD.pack(pieces.MARK + b"P", 1, index, size, at), content]


def test_there_is_room_for_one_part_at_a_time() -> None:
    gatherer = Gatherer()
    gatherer.take(piece(0, LARGE, 0, bytes(PIECE)))
    for index in (1, 7):
        with pytest.raises(BadMessage, match=f"part {index} came while part 0"):
            gatherer.take(piece(index, LARGE, 0, bytes(PIECE)))
    gatherer.take(piece(0, LARGE, PIECE, bytes(PIECE)))
    gatherer.take(piece(7, LARGE, 0, bytes(PIECE)))
    with pytest.raises(BadMessage, match="part 3 came while part 7"):
        gatherer.take(piece(3, LARGE, 0, bytes(PIECE)))


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, MAX_BODY + 1, (1 << 64) - 1])
def test_a_part_of_an_impossible_size_gets_no_room(size: int) -> None:
    with pytest.raises(BadMessage, match=f"a part of {size} bytes"):
        Gatherer().take(piece(0, size, 0, b"x"))


def test_an_empty_piece_is_refused() -> None:
    with pytest.raises(BadMessage, match="a piece of 0 bytes"):
        Gatherer().take(piece(0, LARGE, 0, b""))


def test_where_there_is_no_memory_for_a_part_the_message_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(size: int) -> bytearray:
        raise OSError("no descriptor left") if size else MemoryError

    monkeypatch.setattr(pieces.Segment, "sized", refuse)
    monkeypatch.setattr(pieces, "bytearray", lambda size: refuse(0), raising=False)
    with pytest.raises(BadMessage, match=f"no memory for a part of {LARGE} bytes"):
        Gatherer().take(piece(0, LARGE, 0, b"x"))


def test_an_acknowledgement_of_more_than_was_sent_opens_no_wider_window() -> None:
    cutter = Cutter()
    cutter.put(FRAME, [bytes(4 * WINDOW)])
    cutter.due()
    cutter.done(pieces._DONE_HEAD.pack(pieces.MARK + b"A", 1, 1 << 60))
    assert sum(len(message[1]) for message in cutter.due()) == WINDOW
