"""Keys of plain calls: made another way, and the same as those that all calls have."""

from __future__ import annotations

import functools
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.journal.frames import OPENING_SIZE, Record, Scanner, body_is_whole
from parsl_like.memo.canonical import LONG
from parsl_like.memo.entries import Facts, decode_head, encode_body, packed_key, plain_record, record_form
from parsl_like.memo.keys import Call, Keys
from parsl_like.remote.bash import BashCommand
from parsl_like.remote.sandbox import Sandboxed
from parsl_like.remote.timeout import Walltimed


def work(x: Any, y: Any = 3, *more: Any, **others: Any) -> Any:
    return x, y, more, others


class Bound:
    """Has a method, and can be called."""

    def method(self, x: Any) -> Any:
        return x

    def __call__(self, x: Any) -> Any:
        return x


def same(call: Call) -> None:
    keys = Keys()
    plain, usual = keys.plain(call), keys.of(call)
    assert plain is not None
    key = plain.of(call.args, 7)
    assert (str(key), key.parts) == (usual.text, usual.parts)
    assert key.packed == packed_key(usual.text)
    assert (key.name, key.task, tuple(key.of_parsl)) == (call.name, 7, ())


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=20),
    st.binary(max_size=9),
)


@given(st.lists(PLAIN, min_size=1, max_size=4), st.sets(st.sampled_from(["x", "y", "more"])))
def test_a_plain_call_has_the_key_that_it_would_have_anyway(args: list[Any], ignored: set[str]) -> None:
    same(Call(work, "work", tuple(args), ignored=frozenset(ignored)))


@pytest.mark.parametrize("value", ["x" * LONG, b"x" * LONG, float("nan"), -0.0, sys.maxsize + 1, "\ud800"])
def test_values_with_a_form_of_their_own(value: Any) -> None:
    same(Call(work, "work", (value,)))


@pytest.mark.parametrize(
    "call",
    [
        Call(work, "work", (1,), version="2"),
        Call(work, "work", (1,), environment=b"blue"),
        Call(len, "len", ("text",)),
        Call(Walltimed(work, 3.0), "work", (1,)),
        Call(Sandboxed(work, None), "work", (1,)),
        Call(BashCommand(work, "work"), "work", (1,)),
        Call(lambda outputs: outputs, "made", ("place",)),
    ],
    ids=["version", "environment", "builtin", "walltime", "sandbox", "command", "outputs"],
)
def test_calls_that_are_plain(call: Call) -> None:
    same(call)


@pytest.mark.parametrize(
    "function", [Bound().method, Bound(), functools.partial(work, 1), functools.partial(work, y=1)]
)
def test_a_function_that_is_called_with_more_than_the_call_says_takes_the_long_way(function: Any) -> None:
    assert Keys().plain(Call(function, "work", (1,))) is None


def test_a_place_to_run_in_does_not_change_a_key() -> None:
    keys = Keys()
    plain = keys.of(Call(work, "work", (1,)))
    assert keys.of(Call(Sandboxed(work, "/somewhere"), "work", (1,))) == plain
    assert keys.of(Call(Walltimed(work, 3.0), "work", (1,))) == plain


def test_threads_that_ask_at_once_get_the_same_key() -> None:
    keys, got, go = Keys(), set(), threading.Barrier(8)
    call = Call(work, "work", tuple(range(40)))

    def ask() -> None:
        go.wait(30)
        plain = keys.plain(call)
        assert plain is not None
        got.add((str(plain.of(call.args, 1)), keys.of(call).text))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = Keys().of(call).text
    assert got == {(text, text)}


@given(
    st.lists(PLAIN, min_size=1, max_size=20),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.integers(-1, 1 << 40),
)
def test_records_of_plain_calls_are_those_of_all_calls(args: list[Any], name: str, task: int) -> None:
    plain = Keys().plain(Call(work, name, tuple(args), environment=b"100%"))
    assert plain is not None
    key = plain.of(args, task)
    form = record_form(plain.name, plain.labels())
    facts = decode_head(head_of(plain_record(form, key, b"\x80\x05N.", 2.5, 99)))
    assert facts == Facts(str(key), 2.5, task, name, key.parts)
    assert body_of(plain_record(form, key, b"\x80\x05N.", 2.5, 99)) == encode_body(key, b"\x80\x05N.")[0]


def scanned(record: bytes) -> Record:
    (found,) = Scanner(99, OPENING_SIZE + len(record)).scan(record)
    return found


def head_of(record: bytes) -> bytes:
    return scanned(record).head


def body_of(record: bytes) -> bytes:
    found = scanned(record)
    body = record[found.body_offset - OPENING_SIZE :]
    assert body_is_whole(found, body, 99)
    return body
