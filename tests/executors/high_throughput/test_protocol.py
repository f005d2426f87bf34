"""Messages: each survives its frame, foreign bytes never do more than BadMessage, items keep their shape."""

from __future__ import annotations

import mmap
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsl_like.errors import BadMessage
from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.protocol import (
    AnyMessage,
    ResultItem,
    TaskItem,
    decode,
    decode_items,
    encode,
    encode_results,
)

EXAMPLES: dict[str, Any] = {
    "bool": True,
    "int": 7,
    "float": 1.5,
    "str": "text",
    "bytes": b"\x00bytes",
    "list[str]": ["a"],
    "list[float]": [0.5],
    "dict[str, str]": {"a": "b"},
    "dict[str, bool]": {"0": True},
    "list[TaskItem]": [TaskItem(1 << 16, b"h" * 16, b"body", 2, -1.0, 3.0, 4, 5)],
    "list[tuple[Identity, Attempt]]": [(b"manager", 3)],
    "Attempt": 1 << 62,
    "Count": (1 << 32) - 1,
    "Hash": b"h" * 16,
    "Identity": b"manager",
    "list[Attempt]": [0, 1 << 62],
    "list[Hash]": [b"a" * 16],
    "msgspec.Raw": msgspec.Raw(b"\x90"),
}


def example(kind: type[protocol.Message]) -> protocol.Message:
    hints = {name: str(annotation) for name, annotation in kind.__annotations__.items()}
    return kind(*[EXAMPLES[hints[name]] for name in kind.__struct_fields__])


@pytest.mark.parametrize("kind", get_args(AnyMessage), ids=lambda kind: kind.__name__)
def test_every_message_survives_its_frame(kind: type[protocol.Message]) -> None:
    message = example(kind)
    again = decode(encode(message))
    assert type(again) is kind
    for name in kind.__struct_fields__:
        ours, theirs = getattr(message, name), getattr(again, name)
        assert (bytes(theirs) == bytes(ours)) if name == "items" and kind is protocol.Results else theirs == ours


def test_tags_are_unique_and_stable() -> None:
    tags = {kind.__name__: kind.__struct_config__.tag for kind in get_args(AnyMessage)}
    assert len(set(tags.values())) == len(tags)
    assert tags["Function"] == 1
    assert tags["Tasks"] == 2
    assert tags["Results"] == 3
    assert tags["Register"] == 16
    assert protocol.PROTOCOL_VERSION == 2


def test_wire_item_has_what_later_features_need() -> None:
    assert TaskItem.__struct_fields__ == (
        "attempt",
        "function",
        "body",
        "buffers",
        "priority",
        "walltime",
        "spec",
        "slots",
    )


@given(
    st.lists(
        st.builds(
            ResultItem,
            st.integers(0, 2**63 - 1),
            st.integers(0, 3),
            st.binary(max_size=50),
            st.integers(0, 5),
            st.floats(allow_nan=False),
            st.floats(allow_nan=False),
            st.integers(0, 1000),
        ),
        max_size=20,
    )
)
@settings(deadline=None, max_examples=50)
def test_results_stay_encoded_until_the_driver(items: list[ResultItem]) -> None:
    message = decode(encode_results(b"manager", 3, 17, items))
    assert message.attempts == [item.attempt for item in items]
    assert (message.manager, message.sequence, message.capacity) == (b"manager", 3, 17)
    assert decode_items(message.items) == items


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_foreign_bytes_are_bad_messages(frame: bytes) -> None:
    try:
        message = decode(frame)
    except BadMessage:
        return
    assert isinstance(message, get_args(AnyMessage))


@given(
    st.recursive(
        st.none() | st.integers(-(2**63), 2**63) | st.binary(max_size=5) | st.text(max_size=5), st.lists, max_leaves=20
    )
)
@settings(deadline=None, max_examples=200)
def test_well_formed_nonsense_is_a_bad_message(value: Any) -> None:
    frame = msgspec.msgpack.encode([2, value]) if isinstance(value, list) else msgspec.msgpack.encode(value)
    try:
        message = decode(frame)
    except BadMessage:
        return
    assert isinstance(message, protocol.Tasks)


def test_nested_too_deeply_is_a_bad_message() -> None:
    with pytest.raises(BadMessage):
        decode(b"\x91" * 100_000)


def test_too_large_is_a_bad_message() -> None:
    frame = memoryview(mmap.mmap(-1, protocol.MOST_BYTES + 1))  # nothing is ever written to it
    with pytest.raises(BadMessage, match="larger than"):
        decode(frame)


def test_items_that_are_none_are_bad_messages() -> None:
    with pytest.raises(BadMessage, match="results"):
        decode_items(msgspec.Raw(b"\x93\x01\x02\x03"))


@pytest.mark.parametrize(
    "fields",
    [
        [16, 77, "run", b"m", "block", "node7"],
        [16, 77, None, {}, "block", "node7", "a field", ["of", "tomorrow"]],
        [16, 0, "run", b"m", "block", "node7", 1],
    ],
)
def test_a_registration_of_another_protocol_can_be_refused_by_name(fields: list[Any]) -> None:
    register = protocol.decode_from(b"me", msgspec.msgpack.encode(fields))
    assert (register.version, register.manager, register.block, register.hostname) == (
        fields[1],
        b"me",
        "block",
        "node7",
    )


@pytest.mark.parametrize(
    "fields",
    [
        [16, protocol.PROTOCOL_VERSION, "run", b"m", "block", "host"],
        [16, "1", 2, 3, 4, 5],
        [18, 77, 0, 0, 0, 0],
        [16],
        5,
    ],
)
def test_what_is_no_registration_of_another_protocol_is_no_message(fields: Any) -> None:
    with pytest.raises(BadMessage):
        protocol.decode_from(b"me", msgspec.msgpack.encode(fields))


def test_a_readable_message_is_what_it_is() -> None:
    assert protocol.decode_from(b"me", protocol.encode(protocol.Stop("why"))) == protocol.Stop("why")
