"""Calls there and back; an argument that cannot be sent is named."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.serialize import is_plain, pack_call, unpack_call
from parsl_like.serialize.errors import DeserializationError, SerializationError

VALUES = st.none() | st.integers() | st.text() | st.binary() | st.lists(st.integers())


class Holder:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@given(st.lists(VALUES).map(tuple), st.dictionaries(st.text(), VALUES))
def test_round_trip(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert unpack_call(*pack_call(args, kwargs)) == (args, kwargs)


def test_a_call_without_arguments_is_plain_and_fresh_each_time() -> None:
    packed = pack_call((), {})
    assert is_plain(packed.body)
    unpack_call(*packed)[1]["changed"] = True
    assert unpack_call(*packed) == ((), {})


def test_identity_between_arguments_is_kept() -> None:
    shared: list[int] = []
    (first,), kwargs = unpack_call(*pack_call((shared,), {"again": shared}))
    assert first is kwargs["again"]


def test_big_buffers_in_arguments() -> None:
    array = np.arange(100_000)
    body, buffers = pack_call((array,), {"inputs": [array * 2]})
    assert len(buffers) == 2
    array[:] = 0
    (first,), kwargs = unpack_call(body, buffers)
    assert first[-1] == 99_999
    assert kwargs["inputs"][0][-1] == 199_998
    first[:] = 1


def lock() -> Any:
    return threading.Lock()


@pytest.mark.parametrize(
    ("args", "kwargs", "what", "path"),
    [
        (({"a": Holder(lock=lock())},), {}, "argument 0", "args[0]['a'].lock"),
        ((1, lock()), {}, "argument 1", "args[1]"),
        ((), {"x": [1, lock()]}, "argument 'x'", "x[1]"),
        ((), {"inputs": [1, 2, 3, Holder(lock=lock())]}, "inputs[3]", "inputs[3].lock"),
        ((), {"inputs": (1, lock())}, "argument 'inputs'", "inputs[1]"),
        ((lock(),), {"x": lock()}, "argument 0", "args[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_argument_is_named(args: tuple[Any, ...], kwargs: dict[str, Any], what: str, path: str) -> None:
    with pytest.raises(SerializationError) as caught:
        pack_call(args, kwargs)
    assert (caught.value.fname, caught.value.path) == (what, path)
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_deep_argument_is_named() -> None:
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    with pytest.raises(SerializationError, match="argument 1: it is nested more deeply"):
        pack_call((1, deep), {})


def test_a_lambda_with_a_lock_as_argument() -> None:
    held = lock()
    with pytest.raises(SerializationError) as caught:
        pack_call((lambda: held,), {})
    assert caught.value.path == "args[0], closure variable 'held'"


def test_a_torn_call_is_an_error_of_ours() -> None:
    with pytest.raises(DeserializationError, match="an argument"):
        unpack_call(pack_call((1, 2), {}).body[:-3])


def test_what_fails_only_in_company_is_told_so() -> None:
    class Shy:
        tries = 0

        def __reduce__(self) -> Any:
            Shy.tries += 1
            if Shy.tries <= 3:  # for the plain pickler, twice, and for cloudpickle
                raise ValueError("not now")
            return int, ()

    with pytest.raises(SerializationError, match=r"the arguments together.*not now"):
        pack_call((Shy(),), {})
