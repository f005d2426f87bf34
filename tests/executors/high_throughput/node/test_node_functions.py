"""Functions lie in one file that the workers read."""

from __future__ import annotations

import os

import pytest

from parsl_like.errors import DeserializationError
from parsl_like.executors.high_throughput.node import functions as module
from parsl_like.executors.high_throughput.node.functions import FORGET_ABOVE, Functions, Parked, Shelf
from parsl_like.executors.high_throughput.protocol import TaskItem
from parsl_like.serialize.functions import pack_function


def double(number: int) -> int:
    return 2 * number


@pytest.fixture
def shelf() -> object:
    shelf = Shelf()
    yield shelf
    shelf.close()


def test_a_function_is_found_where_it_was_put(shelf: Shelf) -> None:
    packed = [pack_function(double), pack_function(lambda number: number + 1)]
    for function in packed:
        shelf.put(function.hash, function.blob)
        shelf.put(function.hash, function.blob)
    functions = Functions(os.dup(shelf.descriptor))
    for function, expected in zip(packed, (42, 22), strict=True):
        place = shelf.place(function.hash)
        assert place is not None
        assert place[1] == len(function.blob)
        rebuilt = functions.get(function.hash, *place)
        assert rebuilt(21) == expected
        assert functions.get(function.hash, 0, 0) is rebuilt
    os.close(functions.descriptor)


def test_an_unknown_function_has_no_place(shelf: Shelf) -> None:
    assert shelf.place(b"?" * 16) is None


def test_a_function_that_cannot_be_rebuilt_is_tried_again(shelf: Shelf) -> None:
    shelf.put(b"h" * 16, b"no pickle")
    functions = Functions(shelf.descriptor)
    for _ in range(2):
        with pytest.raises(DeserializationError):
            functions.get(b"h" * 16, *(shelf.place(b"h" * 16) or ()))


def test_a_worker_keeps_the_latest_functions_only(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    packed = pack_function(double)
    functions = Functions(shelf.descriptor)
    shelf.put(packed.hash, packed.blob)
    place = shelf.place(packed.hash)
    assert place is not None
    first = functions.get(b"1", *place)
    functions.get(b"2", *place)
    functions.get(b"3", *place)
    with pytest.raises(DeserializationError):
        functions.get(b"1", 0, 0)
    assert first(1) == 2


def test_a_shelf_is_emptied_only_when_it_is_large(shelf: Shelf) -> None:
    shelf.put(b"a" * 16, b"small")
    shelf.forget_if_large()
    assert shelf.place(b"a" * 16) == (0, 5)
    shelf.put(b"b" * 16, bytes(FORGET_ABOVE))
    shelf.forget_if_large()
    assert shelf.place(b"a" * 16) is None
    assert os.fstat(shelf.descriptor).st_size == 0
    shelf.put(b"c" * 16, b"new")
    assert os.pread(shelf.descriptor, 3, 0) == b"new"


def test_attempts_are_parked_until_their_function_comes() -> None:
    parked = Parked()
    items = [TaskItem(number, function, b"") for number, function in ((1, b"f"), (2, b"g"), (3, b"f"))]
    for item in items:
        parked.park(item, [b"buffer"])
    assert sorted(parked.attempts()) == [1, 2, 3]
    assert len(parked) == 3
    assert parked.remove({3, 9}) == [3]
    assert parked.remove({9}) == []
    assert parked.release(b"f") == [(items[0], [b"buffer"])]
    assert parked.release(b"f") == []
    assert parked.attempts() == [2]
