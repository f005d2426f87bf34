"""What has come over the wire becomes events, whatever it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parsl_like.core.events import EventType
from parsl_like.core.records import Record
from parsl_like.errors import DeserializationError
from parsl_like.executors.high_throughput.protocol import OUTCOME_FAILURE, OUTCOME_NEWS, OUTCOME_VALUE, ResultItem
from parsl_like.executors.high_throughput.results import outcome_events, without_news
from parsl_like.serialize import pack, pack_failure
from parsl_like.serialize.segments import Segment, layout


def event(body: bytes, parts: list[Any], outcome: int = OUTCOME_VALUE) -> tuple[int, Any]:
    item = ResultItem(5, outcome, body, len(parts), 1.0, 2.0)
    ((kind, attempt, payload),) = outcome_events([(item, parts, "m:0")])
    assert attempt == 5
    assert payload[-1] == (1.0, 2.0, "m:0")
    return kind, payload[0]


@pytest.mark.parametrize("form", ["segment", "bytes"])
@pytest.mark.parametrize("apart", [False, True])
def test_a_value_beside_its_message(form: str, apart: bool) -> None:
    array = np.arange(100_000)
    packed = pack(array, copy=False)
    buffers = [packed.body, *packed.buffers] if apart else list(packed.buffers)
    part = Segment.written(buffers) if form == "segment" else b"".join(layout(buffers))
    kind, value = event(b"" if apart else packed.body, [part])
    assert kind == EventType.ATTEMPT_SUCCEEDED
    assert np.array_equal(value, array)
    assert value.flags.writeable


def test_a_long_failure_comes_beside_its_message() -> None:
    body = pack_failure(ValueError("x" * 50_000))
    kind, error = event(b"", [Segment.written([body])], OUTCOME_FAILURE)
    assert kind == EventType.ATTEMPT_FAILED
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("parts", [[], [b""], [b"garbage of some length"], [b"".join(layout([b"garbage"]))]], ids=repr)
def test_what_cannot_be_read_fails_its_task(parts: list[bytes]) -> None:
    kind, error = event(b"", parts)
    assert kind == EventType.ATTEMPT_FAILED
    assert isinstance(error, DeserializationError)
    assert "what it sent cannot be rebuilt here" in str(error)


def test_news_become_records_and_only_ends_are_left() -> None:
    told: list[Record] = []
    items = [
        ResultItem(5 << 16, OUTCOME_NEWS, b'["transfer", "http://h/x", {"bytes": 3, "task": 1}]'),
        ResultItem(5 << 16, OUTCOME_VALUE, b"value"),
    ]
    assert without_news(items, told.append, "workers", 7.0) == items[1:]
    assert told == [Record("transfer", 7.0, "http://h/x", {"bytes": 3, "task": 5, "executor": "workers"})]
    assert without_news(items, None, "workers", 7.0) == items[1:]
    assert len(told) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'["state", "0", {}]', b'["transfer", 1, {}]', b'["transfer", "u", {"a": [1]}]', b"[" * 9999]
)
def test_news_that_are_none_are_dropped(body: bytes) -> None:
    told: list[Record] = []
    assert without_news([ResultItem(1, OUTCOME_NEWS, body)], told.append, "workers", 7.0) == []
    assert told == []
