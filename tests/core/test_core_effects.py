from __future__ import annotations

import pytest

from parsl_like.core.effects import Announce, CancelAttempt, Effect, Forget, Launch, Outbox, Prepare, Settle
from parsl_like.core.ids import AttemptId, TaskId, attempt_id
from parsl_like.core.task import AppSpec, JoinTargets, TaskRow


def row(task: int) -> TaskRow:
    return TaskRow(TaskId(task), AppSpec("f", None), "x")


def test_an_effect_matches_what_is_asked_of_it() -> None:
    effect = Launch(TaskId(3), attempt_id(3, 0), "htex")
    assert effect.matches()
    assert effect.matches(task=3, executor="htex")
    assert not effect.matches(task=4)
    assert not effect.matches(task=3, phase=1)


def test_effects_are_values() -> None:
    assert Prepare(TaskId(1)) == Prepare(TaskId(1)) != Forget(TaskId(1))
    assert len({Settle(TaskId(1), 5, "v"), Settle(TaskId(1), 5, "v")}) == 1


FILLED: dict[str, object] = {
    "launch": {"x": [row(1)]},
    "prepare": [row(2)],
    "settle": [row(3)],
    "watch": [(row(4), JoinTargets((), single=False))],
    "cancel": [(AttemptId(5 << 16), "x")],
    "remember": [(row(6), "key", "value")],
    "release": [(TaskId(9), "key")],
    "records": [(1.0, 7, 0, 3, None)],
}


@pytest.mark.parametrize("name", sorted(FILLED))
def test_a_box_is_true_while_there_is_something_to_do(name: str) -> None:
    box = Outbox()
    assert not box
    setattr(box, name, FILLED[name])
    assert box
    assert len(box.typed()) == 1


def test_only_forgetting_is_nothing_to_do() -> None:
    """It comes with a settlement, and a shell that keeps nothing beside the rows has no use for it."""
    box = Outbox()
    box.forget = [TaskId(8)]
    assert not box


def test_an_emptied_box_has_the_same_lists_and_nothing_in_them() -> None:
    box = Outbox()
    launched = [row(1)]
    box.launch["x"] = launched
    box.settle.append(row(3))
    box.forget.append(TaskId(3))
    lists = [getattr(box, name) for name in Outbox.__slots__]
    box.clear()
    assert not box
    assert box.typed() == []
    assert all(getattr(box, name) is kept for name, kept in zip(Outbox.__slots__, lists, strict=True))
    assert len(launched) == 1


def test_the_readable_form_has_everything_in_the_order_of_the_shell() -> None:
    box = Outbox()
    for name, value in FILLED.items():
        setattr(box, name, value)
    box.forget = [TaskId(8)]
    effects: list[Effect] = box.typed()
    assert [type(effect).__name__ for effect in effects] == [
        *("Announce", "CancelAttempt", "Launch", "Remember", "Release", "Prepare", "WatchJoin", "Settle", "Forget")
    ]
    assert [effect.task for effect in effects] == [7, 5, 1, 6, 9, 2, 4, 3, 8]
    assert effects[0] == Announce(TaskId(7), 0, 3, None)
    assert effects[1] == CancelAttempt(TaskId(5), AttemptId(5 << 16), "x")


def test_every_slot_of_a_box_has_a_readable_form() -> None:
    assert sorted([*FILLED, "forget"]) == sorted(Outbox.__slots__)
