"""Each row of the table: a task in a phase, one event in, its effects out. The document has the same rows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parsl_like.core.effects import (
    Announce,
    CancelAttempt,
    Effect,
    Forget,
    Launch,
    Prepare,
    Release,
    Remember,
    Settle,
    WatchJoin,
)
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
    Recalled,
    Remembered,
    Submitted,
)
from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.states import FINAL_PHASES, Phase, States
from parsl_like.core.task import AppSpec, JoinTargets
from parsl_like.core.transitions import TRANSITIONS
from parsl_like.errors import InternalConsistencyError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "internals" / "task-states.md"

T = TaskId(1)
FIRST, SECOND = attempt_id(1, 0), attempt_id(1, 1)
CALL = ("function", ("a",), {"k": 1}, b"body", ("buffer",))
REPORT = (1.0, 2.0, "node1")
TARGETS = JoinTargets(("future",), single=True)


def told(state: States, detail: Any = None, number: int = 0) -> Announce:
    return Announce(T, number, state, detail)


def end(phase: Phase, value: Any, *, state: States, detail: Any = None, number: int = 0) -> list[Effect]:
    return [told(state, detail, number), Settle(T, phase, value), Forget(T)]


def failed(error: Any, number: int = 0) -> list[Effect]:
    return end(Phase.failed, error, state=States.failed, detail=error, number=number)


def no_result(error: Any) -> list[Effect]:
    return [told(States.failed, error), Release(T, "key"), Settle(T, Phase.failed, error), Forget(T)]


def lost_chance(error: Any) -> list[Effect]:
    return end(Phase.dep_failed, error, state=States.dep_fail, detail=error)


def again(error: Any) -> list[Effect]:
    announced = [told(States.fail_retryable, error), told(States.pending, None, 1), told(States.launched, None, 1)]
    return [*announced, Launch(T, SECOND, "x")]


@dataclass(frozen=True)
class Row:
    """A row of the table, and what shows that it holds.

    Attributes:
        phase: From.
        event: What happens.
        condition: If, in the words of the document.
        to: To.
        effects: All that comes out.
        fields: What the task's row has when the event comes.
        app: What the task calls.
        options: Of the machine.
    """

    phase: Phase
    event: Event | type[Submitted]
    condition: str
    to: Phase
    effects: list[Effect]
    fields: dict[str, Any]
    app: AppSpec | None = None
    options: tuple[tuple[str, Any], ...] = ()


def row(
    phase: Phase, event: Event | type[Submitted], condition: str, to: Phase, effects: list[Effect], **fields: Any
) -> Row:
    app, options = fields.pop("app", None), fields.pop("options", {})
    return Row(phase, event, condition, to, effects, fields, app, tuple(options.items()))


JOIN = AppSpec("gather", None, join=True)
NEW = told(States.pending, ("work", "x", ()))
NEW_WAITING = told(States.pending, ("work", "x", (-1,)))
NO_CHANCE = ("dependencies of", 1, (("a future of another kind", "error"),))

ROWS = [
    row(Phase.new, Submitted, "something it needs has not ended", Phase.waiting, [NEW_WAITING], depends=(-1,)),
    row(Phase.new, Submitted, "waits for nothing", Phase.preparing, [NEW, Prepare(T)]),
    row(
        *(Phase.new, Submitted, "waits for nothing and is packed", Phase.launched),
        [NEW, told(States.launched), Launch(T, FIRST, "x")],
        ready=True,
    ),
    row(Phase.waiting, DependencyDone(-1), "more to come", Phase.waiting, [], depends=(-1, -2)),
    row(Phase.waiting, DependencyDone(-1), "last", Phase.preparing, [Prepare(T)]),
    row(
        *(Phase.waiting, DependencyDone(-1), "last, and it is packed", Phase.launched),
        [told(States.launched), Launch(T, FIRST, "x")],
        ready=True,
    ),
    row(
        *(Phase.waiting, DependencyDone(-1, "error"), "last, and some have failed", Phase.dep_failed),
        lost_chance(NO_CHANCE),
    ),
    row(
        *(Phase.waiting, DependencyDone(-1, "error")),
        *("last, some have failed, and others had ended before the task came", Phase.preparing, [Prepare(T)]),
        depends=(0, -1),
    ),
    row(Phase.preparing, Prepared(T, CALL), "", Phase.launched, [told(States.launched), Launch(T, FIRST, "x")]),
    row(
        *(Phase.preparing, Recalled(T, "value"), "", Phase.recalled),
        end(Phase.recalled, "value", state=States.memo_done),
    ),
    row(Phase.preparing, Attached(T, TaskId(0)), "the equal call is in flight", Phase.attached, [], key="key"),
    row(
        *(Phase.preparing, Attached(T, TaskId(7)), "the equal call has ended", Phase.preparing),
        [Release(TaskId(7), "key"), Prepare(T)],
        key="key",
    ),
    row(
        *(Phase.preparing, DependenciesFailed(T, (("task 0", "error"),)), "", Phase.dep_failed),
        lost_chance(("dependencies of", 1, (("task 0", "error"),))),
    ),
    row(Phase.preparing, PrepareFailed(T, "error"), "", Phase.failed, failed("error")),
    row(
        *(Phase.preparing, PrepareFailed(T, "error"), "it has a key", Phase.failed),
        no_result("error"),
        key="key",
    ),
    row(
        *(Phase.launched, AttemptSucceeded(FIRST, "value", REPORT), "plain app", Phase.done),
        end(Phase.done, "value", state=States.exec_done, detail=REPORT),
    ),
    row(
        *(Phase.launched, AttemptSucceeded(FIRST, "value"), "plain app, and it has a key", Phase.done),
        [told(States.exec_done), Remember(T, "key", "value"), Settle(T, Phase.done, "value"), Forget(T)],
        key="key",
    ),
    row(
        *(Phase.launched, AttemptSucceeded(FIRST, "value"), "plain app, and it is remembered first", Phase.remembering),
        [Remember(T, "key", "value")],
        **{"key": "key", "options": {"remember_first": True}},
    ),
    row(
        *(Phase.launched, AttemptSucceeded(FIRST, TARGETS), "join app, futures returned", Phase.joining),
        [told(States.joining), WatchJoin(T, TARGETS)],
        app=JOIN,
    ),
    row(
        *(Phase.launched, AttemptSucceeded(FIRST, 7), "join app, anything else returned", Phase.failed),
        failed(("no futures from", "gather", 7)),
        app=JOIN,
    ),
    row(
        *(Phase.launched, AttemptFailed(FIRST, "error", 0.5, REPORT), "budget left", Phase.launched),
        again("error"),
        options={"retries": 0.5},
    ),
    row(Phase.launched, AttemptFailed(FIRST, "error", 1, REPORT), "budget spent", Phase.failed, failed("error")),
    row(
        *(Phase.launched, AttemptFailed(FIRST, "error", 1), "budget spent, and it has a key", Phase.failed),
        no_result("error"),
        key="key",
    ),
    row(
        *(Phase.launched, AttemptLost(FIRST, "cause", started=False), "it had not started", Phase.launched),
        again("cause"),
        options={"lost_retries": 0},
    ),
    row(
        *(Phase.launched, AttemptLost(FIRST, "cause"), "it had started, lost_retries left", Phase.launched),
        again("cause"),
        losses=2,
    ),
    row(
        *(Phase.launched, AttemptLost(FIRST, "cause"), "it had started, lost_retries spent", Phase.failed),
        failed(("lost", "cause", 4)),
        losses=3,
    ),
    row(
        *(Phase.joining, JoinDone(T, ok=True, value=[1]), "all succeeded", Phase.done),
        [told(States.exec_done), Settle(T, Phase.done, [1]), Forget(T)],
        app=JOIN,
    ),
    row(
        *(Phase.joining, JoinDone(T, ok=True, value="value"), "all succeeded, and it has a key", Phase.done),
        [told(States.exec_done), Remember(T, "key", "value"), Settle(T, Phase.done, "value"), Forget(T)],
        **{"app": JOIN, "key": "key"},
    ),
    row(
        *(Phase.joining, JoinDone(T, ok=True, value="value"), "all succeeded, and it is remembered first"),
        *(Phase.remembering, [Remember(T, "key", "value")]),
        **{"app": JOIN, "key": "key", "options": {"remember_first": True}},
    ),
    row(Phase.joining, JoinDone(T, ok=False, value="error"), "some failed", Phase.failed, failed("error"), app=JOIN),
    row(
        *(Phase.joining, JoinDone(T, ok=False, value="error"), "some failed, and it has a key", Phase.failed),
        no_result("error"),
        **{"app": JOIN, "key": "key"},
    ),
    row(
        *(Phase.remembering, Remembered(T), "", Phase.done),
        end(Phase.done, "value", state=States.exec_done),
    ),
    *(
        row(
            *(phase, CancelRequested(T, "why"), "", Phase.cancelled),
            end(Phase.cancelled, "why", state=States.failed, detail="why"),
            app=JOIN if phase is Phase.joining else None,
        )
        for phase in (Phase.waiting, Phase.preparing, Phase.joining, Phase.attached)
    ),
    row(
        *(Phase.remembering, CancelRequested(T, "why"), "", Phase.done),
        end(Phase.done, "value", state=States.exec_done),
    ),
    row(
        *(Phase.launched, CancelRequested(T, "why"), "", Phase.cancelled),
        [
            *(told(States.failed, "why"), CancelAttempt(T, FIRST, "x")),
            *(Settle(T, Phase.cancelled, "why"), Forget(T)),
        ],
    ),
]


def code_of(row: Row) -> EventType:
    return row.event.code


def spelled(code: EventType) -> str:
    """An event's name as the class that stands for it is called."""
    return "".join(word.capitalize() for word in code.name.split("_"))


def title(row: Row) -> str:
    return f"{row.phase.name}-{spelled(code_of(row))}-{row.condition}"


def as_line(row: Row) -> str:
    """A row as the document has it; an effect that comes twice is named once."""
    effects = ", ".join(dict.fromkeys(type(effect).__name__ for effect in row.effects))
    return f"| {row.phase.name} | {spelled(code_of(row))} | {row.condition} | {row.to.name} | {effects} |"


def brought(bench: Any, row: Row) -> None:
    """Bring task 1 into the row's phase with the row's fields."""
    fields = dict(row.fields)
    depends = {"depends": fields.pop("depends", (-1,))} if row.phase is Phase.waiting else {}
    app = row.app or bench.app
    if isinstance(row.event, Attached) and row.to is Phase.attached:
        bench.launched(int(row.event.to))
    getattr(bench, row.phase.name)(1, app, **depends)
    for name, value in fields.items():
        setattr(bench.rows[1], name, value)


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_row(bench_of: Callable[..., Any], row: Row) -> None:
    bench = bench_of(**dict(row.options))
    if row.phase is Phase.new:
        effects = bench.submit(1, **row.fields)
    else:
        brought(bench, row)
        assert isinstance(row.event, Event)
        effects = bench.handle(row.event)
    assert effects == row.effects
    assert bench.phase(1) is row.to
    assert bench.machine.stale == 0


def test_there_is_a_row_here_for_every_transition() -> None:
    assert {(row.phase, code_of(row)) for row in ROWS} == set(TRANSITIONS)


def test_the_document_has_the_same_table() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index("| From | Event | If | To | Effects |") + 2
    table = list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))
    squeezed = [re.sub(r"\s+", " ", line) for line in table]
    assert squeezed == [re.sub(r"\s+", " ", as_line(row)) for row in ROWS]


def test_every_transition_says_what_it_does() -> None:
    assert [step.__name__ for step in TRANSITIONS.values() if not step.__doc__] == []


# --- what a transition leaves in the row


def test_a_packed_call_is_kept_for_every_try(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(retries=1)
    bench.preparing(1)
    bench.handle(Prepared(T, CALL), AttemptFailed(FIRST, "error"))
    row = bench.rows[1]
    assert (row.function, row.args, row.kwargs, row.body, row.buffers) == CALL
    assert (row.ready, row.number, row.errors, row.fail_count, row.fail_cost) == (True, 1, ["error"], 1, 1.0)


def test_times_of_submission_and_return_are_the_machines(bench: Any) -> None:
    row = bench.launched(1)
    bench.machine.now = 1005.0
    bench.succeed(1)
    assert (row.submitted, row.returned, row.value) == (1000.0, 1005.0, "value")


def test_without_garbage_collection_nothing_is_forgotten(bench_of: Callable[..., Any]) -> None:
    bench = bench_of(garbage_collect=False)
    row = bench.launched(1)
    assert bench.succeed(1) == [told(States.exec_done), Settle(T, Phase.done, "value")]
    assert bench.machine.rows == {1: row}


# --- stale news: counted, and nothing else

TASK_EVENTS: dict[EventType, Event] = {
    EventType.PREPARED: Prepared(T, CALL),
    EventType.RECALLED: Recalled(T, "value"),
    EventType.ATTACHED: Attached(T, TaskId(0)),
    EventType.REMEMBERED: Remembered(T),
    EventType.DEPENDENCIES_FAILED: DependenciesFailed(T, ()),
    EventType.PREPARE_FAILED: PrepareFailed(T, "error"),
    EventType.JOIN_DONE: JoinDone(T, ok=True, value=[]),
    EventType.CANCEL_REQUESTED: CancelRequested(T, "why"),
}
ATTEMPT_EVENTS: dict[EventType, Callable[[Any], Event]] = {
    EventType.ATTEMPT_SUCCEEDED: lambda attempt: AttemptSucceeded(attempt, "value"),
    EventType.ATTEMPT_FAILED: lambda attempt: AttemptFailed(attempt, "error"),
    EventType.ATTEMPT_LOST: lambda attempt: AttemptLost(attempt, "cause"),
}
OPEN_PHASES = (Phase.waiting, Phase.preparing, Phase.launched, Phase.joining, Phase.attached, Phase.remembering)


def seen(bench: Any) -> tuple[Any, ...]:
    machine = bench.machine
    return [*machine.counts], machine.losses, dict(machine.rows), machine.story(1), machine.now, dict(machine.foreign)


def expect_stale(bench: Any, event: Event) -> None:
    before, stale = seen(bench), bench.machine.stale
    assert bench.handle(event) == []
    assert bench.machine.stale == stale + 1
    assert seen(bench) == before


@pytest.mark.parametrize("event", TASK_EVENTS.values(), ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("collect", [True, False])
@pytest.mark.parametrize("phase", sorted(FINAL_PHASES), ids=lambda phase: phase.name)
def test_news_of_a_task_that_has_ended(bench_of: Callable[..., Any], phase: Phase, collect: bool, event: Event) -> None:
    bench = bench_of(garbage_collect=collect)
    bench.at(phase)
    expect_stale(bench, event)


@pytest.mark.parametrize("make", ATTEMPT_EVENTS.values(), ids=[code.name for code in ATTEMPT_EVENTS])
@pytest.mark.parametrize("collect", [True, False])
@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in (Phase.new, Phase.launched)])
def test_news_of_an_attempt_of_a_task_that_is_not_launched(
    bench_of: Callable[..., Any], phase: Phase, collect: bool, make: Callable[[Any], Event]
) -> None:
    bench = bench_of(garbage_collect=collect)
    bench.at(phase)
    expect_stale(bench, make(FIRST))


@pytest.mark.parametrize("make", ATTEMPT_EVENTS.values(), ids=[code.name for code in ATTEMPT_EVENTS])
@pytest.mark.parametrize("number", [0, 2])
def test_news_of_another_attempt(bench_of: Callable[..., Any], number: int, make: Callable[[Any], Event]) -> None:
    bench = bench_of(retries=1)
    bench.launched(1)
    bench.handle(AttemptFailed(FIRST, "error"))
    assert bench.rows[1].number == 1
    expect_stale(bench, make(attempt_id(1, number)))


@pytest.mark.parametrize("event", [*TASK_EVENTS.values(), *(make(FIRST) for make in ATTEMPT_EVENTS.values())])
def test_news_of_a_task_that_never_was(bench: Any, event: Event) -> None:
    expect_stale(bench, event)


def test_the_end_of_a_foreign_future_nobody_waits_for(bench: Any) -> None:
    expect_stale(bench, DependencyDone(-7))


def test_the_second_end_of_a_foreign_future(bench: Any) -> None:
    bench.waiting(1, depends=(-1, -2))
    bench.handle(DependencyDone(-1))
    expect_stale(bench, DependencyDone(-1))


def test_the_end_of_a_foreign_future_whose_task_was_cancelled(bench: Any) -> None:
    bench.waiting(1, depends=(-1, -2))
    bench.cancel(1)
    assert bench.machine.foreign == {}
    expect_stale(bench, DependencyDone(-1))


def test_the_submission_of_a_task_that_has_ended(bench: Any) -> None:
    row = bench.ended(1, Phase.done)
    expect_stale(bench, Submitted(row))


# --- what cannot be: an error with the task's story

IMPOSSIBLE = [
    (phase, event)
    for phase, (code, event) in itertools.product(OPEN_PHASES, TASK_EVENTS.items())
    if (phase, code) not in TRANSITIONS
]


@pytest.mark.parametrize(
    ("phase", "event"), IMPOSSIBLE, ids=[f"{phase.name}-{type(event).__name__}" for phase, event in IMPOSSIBLE]
)
def test_a_pair_that_is_not_in_the_table(bench: Any, phase: Phase, event: Event) -> None:
    bench.at(phase)
    with pytest.raises(InternalConsistencyError) as caught:
        bench.machine.handle(event)
    text = str(caught.value)
    assert f"<task 1 {bench.rows[1].app.name} {phase.name} try 0 on x>" in text
    assert f"cannot take {event.code.name} in phase {phase.name}" in text
    assert [line for line in bench.machine.story(1) if line not in text] == []
    assert bench.machine.story(1)[-1].endswith(f"try 0 {phase.name} <- {event.code.name}")


@pytest.mark.parametrize("phase", OPEN_PHASES, ids=lambda phase: phase.name)
def test_a_task_cannot_be_submitted_twice(bench: Any, phase: Phase) -> None:
    row = bench.at(phase)
    with pytest.raises(InternalConsistencyError, match=f"cannot take SUBMITTED in phase {phase.name}; story: "):
        bench.machine.handle(Submitted(row))


@pytest.mark.parametrize("phase", [Phase.preparing, Phase.launched, Phase.joining], ids=lambda phase: phase.name)
def test_only_a_waiting_task_hears_of_a_foreign_future(bench: Any, phase: Phase) -> None:
    bench.machine.foreign[-5] = bench.at(phase)
    with pytest.raises(InternalConsistencyError, match=f"cannot take DEPENDENCY_DONE in phase {phase.name}"):
        bench.machine.handle(DependencyDone(-5))


def test_a_machine_goes_on_after_an_impossible_event(bench: Any) -> None:
    bench.launched(1)
    with pytest.raises(InternalConsistencyError):
        bench.machine.handle(Prepared(T, CALL))
    bench.succeed(1)
    assert bench.phase(1) is Phase.done
