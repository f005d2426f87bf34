"""From results as they come over the wire to events; runs where user code (unpickling) may run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from parsl_like.core.events import EventType, RawEvent
from parsl_like.core.ids import task_of
from parsl_like.core.records import Record
from parsl_like.errors import DeserializationError
from parsl_like.executors.high_throughput.protocol import OUTCOME_NEWS, OUTCOME_VALUE, ResultItem
from parsl_like.serialize.facade import unpack
from parsl_like.serialize.failures import unpack_failure
from parsl_like.serialize.segments import buffers_of

_SUCCEEDED = int(EventType.ATTEMPT_SUCCEEDED)
_FAILED = int(EventType.ATTEMPT_FAILED)

Report = tuple[float, float, str]

logger = logging.getLogger(__name__)
_news = msgspec.json.Decoder(tuple[Literal["transfer"], str, dict[str, str | int | float | bool | None]])


class Arrivals:
    """Which numbered batches of one manager have come; small ones may overtake large ones."""

    def __init__(self) -> None:
        self._all_up_to = 0
        self._beyond: set[int] = set()

    def has(self, number: int) -> bool:
        """Whether a batch has come before."""
        return number <= self._all_up_to or number in self._beyond

    def add(self, number: int) -> int:
        """A batch has come, perhaps again; gives the number up to which all have."""
        if number == self._all_up_to + 1 and not self._beyond:
            self._all_up_to = number
        elif number > self._all_up_to:
            self._beyond.add(number)
            while self._all_up_to + 1 in self._beyond:
                self._all_up_to += 1
                self._beyond.remove(self._all_up_to)
        return self._all_up_to


def without_news(
    items: Sequence[ResultItem], record: Callable[[Record], None] | None, executor: str, now: float
) -> list[ResultItem]:
    """The items that are ends of attempts. What running ones have to say becomes records; what is no such is dropped.

    Args:
        items: Of a batch.
        record: Takes the records; None for nobody.
        executor: Whose tasks they are.
        now: Seconds since the epoch.
    """
    for item in items:
        if record is not None and item.outcome == OUTCOME_NEWS:
            try:
                kind, subject, facts = _news.decode(item.body)
            except (msgspec.DecodeError, RecursionError) as error:
                logger.debug("executor %s: news of attempt %d was dropped: %s", executor, item.attempt, error)
                continue
            fields = {**facts, "task": task_of(item.attempt), "executor": executor}
            record(Record(kind, now, subject, fields))
    return [item for item in items if item.outcome != OUTCOME_NEWS]


def outcome_events(results: Sequence[tuple[ResultItem, Sequence[Any], str]]) -> list[RawEvent]:
    """The events of results whose unpickling may run user code; never raises."""
    return [_outcome_event(item, parts, place) for item, parts, place in results]


def _outcome_event(item: ResultItem, parts: Sequence[Any], place: str) -> RawEvent:
    report = (item.started, item.ended, place)
    try:
        body, buffers = split(item.body, parts)
        if item.outcome == OUTCOME_VALUE:
            return (_SUCCEEDED, item.attempt, (unpack(body, buffers), report))
        return (_FAILED, item.attempt, (unpack_failure(body), 1.0, report))
    except BaseException as error:  # noqa: BLE001 - user code: unpickling may do anything; only its own task fails
        return failure_event(item.attempt, error, report)


def split(body: bytes, parts: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """The packed value and its out-of-band buffers; a large value travels as the first buffer."""
    buffers = [buffer for part in parts for buffer in buffers_of(part)]
    return (body, buffers) if body else (buffers[0], buffers[1:])


def failure_event(attempt: int, error: BaseException, report: Report) -> RawEvent:
    """A result that cannot be rebuilt here fails its task."""
    reason = f"the task ended, but what it sent cannot be rebuilt here: {type(error).__name__}: {error}"
    complaint = DeserializationError(reason)
    complaint.__cause__ = error
    return (_FAILED, attempt, (complaint, 1.0, report))
