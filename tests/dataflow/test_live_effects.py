from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest

from parsl_like.core.effects import Outbox
from parsl_like.core.events import EventType
from parsl_like.core.ids import TaskId, attempt_id
from parsl_like.core.states import FINAL_PHASES, Phase
from parsl_like.core.task import AppSpec, JoinTargets, TaskRow
from parsl_like.dataflow.futures import AppFuture

APP = AppSpec("work", None)


def row(task: int, phase: Phase = Phase.launched, value: Any = None) -> TaskRow:
    made = TaskRow(TaskId(task), APP, "x", AppFuture(task, "work"))
    made.phase, made.value, made.future._row = phase, value, made
    return made


@pytest.fixture
def effects(session: Any, noted: Any, effects_with: Callable[..., Any]) -> Any:
    return effects_with(noted, {"x": session})


def box(**filled: Any) -> Outbox:
    made = Outbox()
    for name, value in filled.items():
        setattr(made, name, value)
    return made


def test_nothing_wanted_nothing_done(effects: Any, noted: Any) -> None:
    effects.carry_out(Outbox())
    assert noted.calls == []


def test_everything_is_handed_on_in_batches(effects: Any, noted: Any, session: Any) -> None:
    one, two, three = (row(task) for task in range(3))
    done = row(3, Phase.done, "value")
    targets = JoinTargets((), single=False)
    raw = (1.0, 0, 0, 7, None)
    full = box(
        launch={"x": [one, two]},
        prepare=[three],
        settle=[done],
        watch=[(three, targets)],
        cancel=[(attempt_id(9, 1), "x")],
        remember=[(done, "key", "value")],
        release=[(TaskId(4), "other")],
        records=[raw],
        forget=[TaskId(3)],
    )
    effects.carry_out(full)
    full.clear()  # what others were given is theirs
    assert session.submitted == [one.attempt_id, two.attempt_id]
    assert session.cancelled == [attempt_id(9, 1)]
    assert noted.calls == [
        ("complete", [done.future]),
        ("remember", [(done, "key", "value")]),
        ("release", [(TaskId(4), "other")]),
        ("prepare", [three]),
        ("watch", (three, targets)),
        ("record", [raw]),
    ]


@pytest.mark.parametrize("phase", sorted(FINAL_PHASES), ids=lambda phase: phase.name)
def test_a_settled_future_knows_how_its_task_ended(effects: Any, noted: Any, phase: Phase) -> None:
    good = phase in (Phase.done, Phase.recalled)
    error = ValueError("no")
    ended = row(1, phase, "value" if good else error)
    ended.args = (7,)
    future: AppFuture[Any] = ended.future
    effects.carry_out(box(settle=[ended]))
    assert not any(f.done() for batch in noted.of("complete") for f in batch if not f.cancelled())
    future.publish()
    assert future.task_status() == ended.state.name
    assert future._row is None
    assert (future.task_record["args"], future.task_record["status"]) == ([7], ended.state)
    if good:
        assert future.result() == "value"
    elif phase is Phase.cancelled:
        with pytest.raises(CancelledError):
            future.result()
    else:
        assert future.exception() is error
    assert noted.of("failed") == ([[ended]] if phase is Phase.failed else [])


@pytest.mark.parametrize("label", ["x", "gone"])
def test_an_executor_that_refuses_fails_the_attempts_and_no_more(
    effects: Any, noted: Any, session: Any, caplog: pytest.LogCaptureFixture, label: str
) -> None:
    session.submit = lambda rows: 1 // 0
    rows = [row(1), row(2)]
    with caplog.at_level(logging.ERROR):
        effects.carry_out(box(launch={label: rows}, prepare=[row(3)]))
    ((*events,),) = noted.of("post_all")
    wanted = ZeroDivisionError if label == "x" else KeyError
    assert [(code, attempt, data[1:]) for code, attempt, data in events] == [
        (EventType.ATTEMPT_FAILED, r.attempt_id, (1.0, None)) for r in rows
    ]
    assert {type(data[0]) for _, _, data in events} == {wanted}
    assert f"executor {label} refused 2 task(s)" in caplog.text
    assert len(noted.of("prepare")) == 1


def test_cancelling_at_an_executor_that_is_gone(effects: Any, noted: Any) -> None:
    effects.carry_out(box(cancel=[(attempt_id(1, 0), "gone")]))
    assert noted.calls == []
