"""One call is run to its end, whatever the user's code does."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest

from parsl_like.errors import DeserializationError, RemoteError, SerializationError, TaskExit
from parsl_like.remote.call import run_call
from parsl_like.serialize import pack_call, unpack, unpack_failure


def call(func: Any, *args: Any, **kwargs: Any) -> Any:
    outcome = run_call(func, *pack_call(args, kwargs))
    return unpack(outcome.body, outcome.buffers) if outcome.ok else unpack_failure(outcome.body)


class BombOnArrival:
    def __reduce__(self) -> Any:
        return sys.exit, (5,)


def test_a_result() -> None:
    assert call(divmod, 7, 2) == (3, 1)
    assert call(lambda: None) is None
    assert call(dict, a=1) == {"a": 1}


def test_big_arrays_both_ways() -> None:
    def double(array: Any) -> Any:
        array *= 2
        return array

    given = np.arange(100_000)
    outcome = run_call(double, *pack_call((given,), {}))
    assert [buffer.nbytes for buffer in outcome.buffers] == [given.nbytes]
    result = unpack(outcome.body, outcome.buffers)
    assert np.array_equal(result, np.arange(100_000) * 2)
    assert given[1] == 1
    result[0] = 1


def test_an_exception() -> None:
    def fail(x: int) -> None:
        raise ValueError(f"no {x}")

    error = call(fail, 3)
    assert type(error) is ValueError
    assert 'raise ValueError(f"no {x}")' in str(error.__cause__)
    assert "run_call" not in str(error.__cause__)


@pytest.mark.parametrize("exits", [SystemExit(2), KeyboardInterrupt("stop"), GeneratorExit()], ids=repr)
def test_what_would_end_the_worker(exits: BaseException) -> None:
    def leave() -> None:
        raise exits

    error = call(leave)
    assert isinstance(error, TaskExit)
    assert error.type_name == type(exits).__name__
    assert call(len, "still alive") == 11


def test_recursion_without_end() -> None:
    def deeper(n: int) -> int:
        return deeper(n + 1)

    error = call(deeper, 0)
    assert type(error) is RecursionError
    assert "Previous line repeated" in str(error.__cause__)


@pytest.mark.parametrize(
    ("make", "path", "reason"),
    [
        (lambda: (i for i in ()), "result", "generator"),
        (lambda: {"a": [threading.Lock()]}, "result['a'][0]", "_thread.lock"),
    ],
    ids=["generator", "lock"],
)
def test_a_result_that_cannot_be_sent_is_named(make: Any, path: str, reason: str) -> None:
    error = call(make)
    assert type(error) is SerializationError
    assert (error.fname, error.path) == ("the result of <lambda>", path)
    assert reason in str(error)


def test_a_result_that_is_too_deep() -> None:
    def nest() -> Any:
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        return deep

    error = call(nest)
    assert type(error) is SerializationError
    assert "the result of nest: it is nested more deeply" in str(error)


def test_an_argument_that_cannot_be_rebuilt() -> None:
    error = call(len, BombOnArrival())
    assert type(error) is DeserializationError
    assert "SystemExit: 5" in str(error)


def test_a_call_that_is_garbage() -> None:
    assert not run_call(len, b"garbage").ok


def test_an_exception_that_cannot_be_sent() -> None:
    def fail() -> None:
        error = ValueError("x")
        error.lock = threading.Lock()  # type: ignore[attr-defined]
        raise error

    error = call(fail)
    assert isinstance(error, RemoteError)
    assert "raise error" in error.traceback_text


def test_an_exception_with_a_huge_message() -> None:
    def fail() -> None:
        raise ValueError("x" * 20_000_000)

    outcome = run_call(fail, *pack_call((), {}))
    assert len(outcome.body) < 500_000
    assert isinstance(unpack_failure(outcome.body), RemoteError)


def test_something_that_cannot_be_called() -> None:
    assert type(call(3)) is TypeError
