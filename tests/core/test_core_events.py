"""The readable door and the fast one are the same door."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from parsl_like.core import events
from parsl_like.core.events import (
    Attached,
    AttemptFailed,
    AttemptLost,
    AttemptSucceeded,
    CancelRequested,
    DependenciesFailed,
    DependencyDone,
    Event,
    EventType,
    JoinDone,
    Prepared,
    PrepareFailed,
    RawEvent,
    Recalled,
    Remembered,
    Submitted,
    TimePassed,
)
from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.states import Phase
from parsl_like.core.task import AppSpec, TaskRow

T = TaskId(1)
A = attempt_id(1, 0)
REPORT = (1.0, 2.0, "node1")
CALL = ("function", (), {}, None, ())

# The phase the task is in, the readable event, and the tuple that stands for it.
PAIRS: list[tuple[Phase | None, Event, RawEvent]] = [
    (None, TimePassed(5.0), (11, 0, 5.0)),
    (Phase.waiting, DependencyDone(-1), (4, -1, None)),
    (Phase.waiting, DependencyDone(-1, "error"), (4, -1, ("a future of another kind", "error"))),
    (Phase.preparing, Prepared(T, CALL), (5, 1, CALL)),
    (Phase.preparing, Recalled(T, "value"), (6, 1, "value")),
    (Phase.preparing, Attached(T, TaskId(0)), (12, 1, 0)),
    (Phase.remembering, Remembered(T), (13, 1, None)),
    (Phase.preparing, DependenciesFailed(T, (("task 0", "e"),)), (7, 1, (("task 0", "e"),))),
    (Phase.preparing, PrepareFailed(T, "error"), (8, 1, "error")),
    (Phase.launched, AttemptSucceeded(A, "value", REPORT), (0, A, ("value", REPORT))),
    (Phase.launched, AttemptSucceeded(A, None), (0, A, (None, None))),
    (Phase.launched, AttemptFailed(A, "error"), (1, A, ("error", 1.0, None))),
    (Phase.launched, AttemptFailed(A, "error", 0.5, REPORT), (1, A, ("error", 0.5, REPORT))),
    (Phase.launched, AttemptLost(A, "cause"), (2, A, ("cause", True))),
    (Phase.launched, AttemptLost(A, "cause", started=False), (2, A, ("cause", False))),
    (Phase.joining, JoinDone(T, ok=True, value=[1]), (9, 1, (True, [1]))),
    (Phase.joining, JoinDone(T, ok=False, value="error"), (9, 1, (False, "error"))),
    (Phase.launched, CancelRequested(T), (10, 1, None)),
    (Phase.waiting, CancelRequested(T, "error"), (10, 1, "error")),
    (Phase.done, CancelRequested(T), (10, 1, None)),
]


def typed_events() -> set[type[Event]]:
    return {
        cls for cls in vars(events).values() if inspect.isclass(cls) and issubclass(cls, Event) and cls is not Event
    }


def test_every_type_of_event_is_tried() -> None:
    assert {type(event) for _, event, _ in PAIRS} | {Submitted} == typed_events()
    assert {cls.code for cls in typed_events()} == set(EventType)


def test_codes_of_attempts_come_before_those_of_tasks() -> None:
    of_attempts = {cls.code for cls in typed_events() if "attempt" in inspect.signature(cls).parameters}
    assert of_attempts == {code for code in EventType if code < EventType.SUBMITTED}
    assert max(EventType) < 16  # the machine's table has room for four bits


def test_the_base_has_no_raw_form() -> None:
    with pytest.raises(NotImplementedError):
        Event().raw()


@pytest.mark.parametrize(
    ("phase", "event", "raw"), PAIRS, ids=lambda value: getattr(value, "name", type(value).__name__)
)
def test_both_doors_do_the_same(bench_of: Callable[..., Any], phase: Phase | None, event: Event, raw: RawEvent) -> None:
    assert event.raw() == raw
    readable, fast = bench_of(retries=1), bench_of(retries=1)
    for bench in (readable, fast):
        bench.machine.now = 7.0
        bench.at(phase or Phase.waiting)
    effects = readable.machine.handle(event)
    fast.machine.feed([raw])
    assert fast.machine.take().typed() == effects
    assert seen(fast) == seen(readable)


@pytest.mark.parametrize("depends", [(), (-1,)])
def test_both_doors_take_new_tasks_alike(bench_of: Callable[..., Any], depends: tuple[int, ...]) -> None:
    app = AppSpec("f", None)
    rows = [TaskRow(T, app, "x"), TaskRow(T, app, "x")]
    readable, fast = bench_of(), bench_of()
    for row in rows:
        row.depends = depends
    effects = readable.machine.handle(Submitted(rows[0]))
    fast.machine.feed([(EventType.SUBMITTED, 1, rows[1])])
    assert fast.machine.take().typed() == effects != []
    assert seen(fast) == seen(readable)


def seen(bench: Any) -> tuple[Any, ...]:
    """All that can be seen of a machine."""
    machine = bench.machine
    rows = {task: (row.phase, row.attempt_id, row.value, row.errors) for task, row in machine.rows.items()}
    return machine.now, machine.counts, machine.stale, machine.losses, rows, sorted(machine.foreign), machine.story(1)
