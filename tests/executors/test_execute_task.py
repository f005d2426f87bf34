"""Calls packed for executors of a program's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.errors import DeserializationError, SerializationError
from parsl_like.executors.execute_task import execute_task
from parsl_like.serialize import pack_apply_message, unpack_apply_message
from parsl_like.serialize.facade import pack_buffers, unpack_buffers


def test_a_call_is_run_where_it_arrives() -> None:
    factor = 3
    packed = pack_apply_message(lambda n, more=0: factor * n + more, (4,), {"more": 1}, buffer_threshold=1000)
    assert execute_task(packed) == 13
    function, args, kwargs = unpack_apply_message(packed)
    assert (function(1), args, kwargs) == (3, (4,), {"more": 1})


def test_what_the_function_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        execute_task(pack_apply_message(divmod, (1, 0), {}))


def test_what_cannot_be_sent_is_named() -> None:
    with pytest.raises(SerializationError):
        pack_apply_message(len, (n for n in range(3)), {})


@given(st.lists(st.binary(max_size=50)))
def test_buffers_come_back_as_they_were(buffers: list[bytes]) -> None:
    assert unpack_buffers(pack_buffers(buffers)) == buffers


@pytest.mark.parametrize("damaged", [b"3\nab", b"abc", b"x\nabc", b"2\nab7", b"-1\n"])
def test_damage_is_told(damaged: bytes) -> None:
    with pytest.raises(DeserializationError, match="cut short or damaged"):
        unpack_buffers(damaged)
