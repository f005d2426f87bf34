"""Logs with errors in them: no record that was not written, no error but the documented one, little memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.journal.errors import JournalError
from parsl_like.journal.frames import Draft, Opening, encode_frame, encode_opening
from parsl_like.journal.log import read_log
from parsl_like.memo.entries import RESULT, RESULTS, decode_head, encode_body, encode_head, key_in, packed_key
from parsl_like.memo.store import Store
from tests.fuzz.budget import budget, little_memory
from tests.fuzz.test_fuzz_messages import mutated

pytestmark = pytest.mark.timeout(900)

SEED = 77
PARTS = (("name", b"n" * 16), ("argument 0", b"a" * 16))


def key(number: int) -> str:
    return f"b2:{number:040x}"


def log(count: int) -> bytes:
    """A checkpoint of some results, each of which is the number of its key."""
    content = encode_opening(Opening(RESULTS, 1.0, SEED))
    for number in range(count):
        head = encode_head(packed_key(key(number)), float(number), number, "app", PARTS)
        body = encode_body(key(number), b"\x80\x05K%c." % number, PARTS)
        content += encode_frame(Draft(RESULT, head, body), SEED) + b"".join(body)
    return content


LOGS = st.integers(0, 9).map(log)


def written(place: str, content: bytes) -> Path:
    path = Path(place) / "tasks.pkl"
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


@given(mutated(LOGS) | st.binary(max_size=300) | st.tuples(LOGS, st.binary(max_size=99)).map(b"".join))
@budget(150)
def test_records(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = written(place, content)
        with little_memory(len(content), free=4_000_000):
            try:
                found = list(read_log(str(path), RESULTS))
            except JournalError:
                return
    right = dict(zip(map(packed_key, map(key, range(9))), range(9), strict=True))
    for record, body in found:
        number = right[key_in(record.head)]
        assert decode_head(record.head).task == number
        assert b"K%c" % number in body


@given(mutated(LOGS))
@budget(100)
def test_results(content: bytes) -> None:
    # Only what still begins as a log: all else is for Python's own unpickler, which asks for what a number says.
    content = log(0)[:41] + content[41:]
    told: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        written(place, content)
        store = Store(f"{place}/none", [place], warn=told.append)
        store.load()
        for number in range(9):
            assert value(store, number) in (None, number)
        store.close()


def value(store: Store, number: int) -> Any:
    try:
        return store.value(key(number))
    except KeyError:
        return None


@given(mutated(st.integers(0, 9).map(lambda number: encode_head(b"\x02" + b"k" * 20, 1.0, number, "app", PARTS))))
@budget(100)
def test_heads(head: bytes) -> None:
    with little_memory(len(head), free=100_000):
        try:
            decode_head(head)
        except ValueError:
            return
