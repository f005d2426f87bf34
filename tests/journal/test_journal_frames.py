"""The bytes of a log: whatever is cut off or flipped, no record comes out that was not written."""

from __future__ import annotations

import pickle
import pickletools
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.journal.frames import (
    FRAME_SIZE,
    LOG_VERSION,
    MARK,
    OPENING_SIZE,
    Damage,
    Draft,
    Opening,
    Record,
    Scanner,
    body_is_whole,
    decode_opening,
    encode_frame,
    encode_opening,
    is_opening,
)

SEED = 0x1234ABCD
OPENING = Opening("tests", 1234.5, SEED)
DRAFTS = [
    Draft(1, b"first", (b"the body", b" of the first")),
    Draft(2, b"", ()),
    Draft(255, b"head" * 100, (b"x" * 5000,)),
    Draft(1, b"fourth", (b"N.",)),
]


def written(drafts: list[Draft], seed: int = SEED) -> bytes:
    log = encode_opening(OPENING._replace(seed=seed))
    for draft in drafts:
        log += encode_frame(draft, seed) + b"".join(draft.body)
    return log


def scanned(log: bytes, piece: int = 1 << 20, seed: int = SEED) -> tuple[list[Record], Scanner]:
    scanner = Scanner(seed, len(log))
    records: list[Record] = []
    while not scanner.done:
        size = max(piece, scanner.wanted)
        records += scanner.scan(log[scanner.position : scanner.position + size])
    return records, scanner


def contents(log: bytes, records: list[Record], seed: int = SEED) -> list[tuple[int, bytes, bytes]]:
    """What a reader makes of records: those with a damaged body are not there."""
    bodies = [log[record.body_offset : record.end] for record in records]
    return [
        (record.kind, record.head, body)
        for record, body in zip(records, bodies, strict=True)
        if body_is_whole(record, body, seed)
    ]


def plain(drafts: list[Draft]) -> list[tuple[int, bytes, bytes]]:
    return [(draft.kind, draft.head, b"".join(draft.body)) for draft in drafts]


LOG = written(DRAFTS)
ENDS = [record.end for record in scanned(LOG)[0]]


# --- the header


def test_a_header_says_what_was_said() -> None:
    assert len(encode_opening(OPENING)) == OPENING_SIZE
    assert decode_opening(encode_opening(OPENING) + b"more") == OPENING
    assert is_opening(LOG)


def test_one_damaged_byte_costs_no_header() -> None:
    whole = encode_opening(OPENING)
    for place in range(OPENING_SIZE):
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        assert decode_opening(bytes(damaged)) == OPENING
        assert is_opening(bytes(damaged))


def test_a_header_that_is_cut_short_is_known_as_one() -> None:
    whole = encode_opening(OPENING)
    for size in range(1, OPENING_SIZE):
        assert decode_opening(whole[:size]) in (None, OPENING)
        assert is_opening(whole[:size])
    assert not is_opening(b"")
    assert not is_opening(pickle.dumps({"hash": "a"}))


def test_another_version_is_named() -> None:
    with pytest.raises(ValueError, match=r"^77$"):
        decode_opening(encode_opening(OPENING._replace(version=77)))
    assert OPENING.version == LOG_VERSION


# --- frames


def test_records_come_out_as_they_went_in() -> None:
    records, scanner = scanned(LOG)
    assert contents(LOG, records) == plain(DRAFTS)
    assert (scanner.damages, scanner.torn) == ([], 0)
    assert records[1].body_length == 0
    assert records[0].body_offset - records[0].offset == FRAME_SIZE + len(b"first")


def test_a_log_may_be_empty() -> None:
    records, scanner = scanned(encode_opening(OPENING))
    assert (records, scanner.damages, scanner.torn) == ([], [], 0)


def test_cut_at_any_byte_it_loses_the_torn_record_only() -> None:
    for size in range(OPENING_SIZE, len(LOG)):
        cut = LOG[:size]
        records, scanner = scanned(cut)
        whole = [end for end in ENDS if end <= size]
        assert contents(cut, records) == plain(DRAFTS[: len(whole)])
        assert scanner.damages == []
        assert scanner.torn == size - (whole[-1] if whole else OPENING_SIZE)


def test_any_damaged_byte_costs_one_record_at_most_and_is_never_taken_for_right() -> None:
    right = plain(DRAFTS)
    for place in range(OPENING_SIZE, len(LOG)):
        for bit in (0, 3, 7):
            damaged = bytearray(LOG)
            damaged[place] ^= 1 << bit
            records, scanner = scanned(bytes(damaged))
            found = contents(bytes(damaged), records)
            lost = [each for each in right if each not in found]
            assert [each for each in found if each not in right] == []
            assert len(lost) == 1, f"byte {place}, bit {bit}"
            assert len(records) == len(right) or scanner.damages or scanner.torn


def test_damage_says_where_and_how_much() -> None:
    records, _ = scanned(LOG)
    damaged = bytearray(LOG)
    damaged[records[1].offset] ^= 1  # the mark
    damaged[records[2].offset + FRAME_SIZE] ^= 1  # the head
    _, scanner = scanned(bytes(damaged))
    assert scanner.damages == [
        Damage(records[1].offset, records[1].end - records[1].offset, "has a damaged frame"),
        Damage(records[2].offset, records[2].end - records[2].offset, "has a damaged head"),
    ]


def test_a_stretch_of_zeros_is_passed_over() -> None:
    records, _ = scanned(LOG)
    damaged = LOG[: records[1].offset] + bytes(records[2].end - records[1].offset) + LOG[records[2].end :]
    found, scanner = scanned(damaged)
    assert contents(damaged, found) == [plain(DRAFTS)[0], plain(DRAFTS)[3]]
    assert len(scanner.damages) == 1
    zeros = LOG + bytes(100)  # what some file systems leave at the end after a loss of power
    found, scanner = scanned(zeros)
    assert contents(zeros, found) == plain(DRAFTS)
    assert scanner.damages == [Damage(len(LOG), 100, "has a damaged frame")]


def test_a_record_of_another_log_inside_of_a_damaged_one_is_none() -> None:
    other = written([Draft(1, b"of another log", (b"wrong",))], seed=SEED + 1)
    log = bytearray(written([Draft(1, b"a", (other,)), Draft(1, b"b", (b"right",))]))
    log[OPENING_SIZE] ^= 1
    records, scanner = scanned(bytes(log))
    assert contents(bytes(log), records) == [(1, b"b", b"right")]
    assert len(scanner.damages) == 1


def test_what_is_torn_off_begins_as_a_record_does() -> None:
    _, scanner = scanned(LOG + MARK[:3])
    assert (scanner.torn, scanner.damages) == (3, [])
    _, scanner = scanned(LOG + b"else")
    assert (scanner.torn, scanner.damages) == (0, [Damage(len(LOG), 4, "does not begin as a record does")])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=60), st.lists(st.binary(max_size=200), max_size=3))),
    st.integers(1, 400),
    st.data(),
)
def test_however_it_is_read_the_same_comes_out(
    drafts: list[tuple[int, bytes, list[bytes]]], piece: int, data: st.DataObject
) -> None:
    made = [Draft(kind, head, tuple(body)) for kind, head, body in drafts]
    log = written(made)
    if data.draw(st.booleans(), "damage it"):
        place = data.draw(st.integers(OPENING_SIZE, len(log)), "where")
        log = log[:place] + data.draw(st.binary(max_size=50), "by") + log[place:]
    once, scanner = scanned(log)
    again, in_pieces = scanned(log, piece)
    assert again == once
    assert (in_pieces.damages, in_pieces.torn) == (scanner.damages, scanner.torn)
    assert [each for each in contents(log, once) if each not in plain(made)] == []


def test_one_record_may_be_asked_for() -> None:
    scanner = Scanner(SEED, 1 << 40, OPENING_SIZE)
    found = scanner.scan(LOG[OPENING_SIZE:], most=1)
    assert contents(LOG, found) == plain(DRAFTS)[:1]
    assert scanner.position == found[0].end


# --- the same bytes for those who know nothing of frames


@pytest.mark.parametrize("load", [pickle.load, pickle._load], ids=["in C", "in Python"])
def test_with_pickles_for_bodies_a_log_is_a_stream_of_pickles(load: object) -> None:
    values = [{"a": list(range(300))}, None, "x" * 100_000, b"y" * 70_000, {"again": ("a", "a")}]
    drafts = [Draft(1, b"head %d" % n, (pickle.dumps(value, 5),)) for n, value in enumerate(values)]
    drafts.insert(2, Draft(9, b"no body: nothing for them"))
    file = BytesIO(written([*drafts, Draft(9, b"nor this")]))
    found = [load(file) for _ in values]  # type: ignore[operator]
    assert found == values
    with pytest.raises(EOFError):
        load(file)  # type: ignore[operator]


def test_a_frame_is_made_of_opcodes_that_cancel_out() -> None:
    frame = encode_frame(DRAFTS[0], SEED)
    names = [opcode.name for opcode, _, _ in pickletools.genops(frame + b"N.")]
    assert names == ["PROTO", "SHORT_BINBYTES", "POP", "BINBYTES", "POP", "NONE", "STOP"]
