from __future__ import annotations

import pickle
import weakref

import pytest

from parsl_like.dataflow import error as old_path
from parsl_like.dataflow.errors import ROOTS_SHOWN, DependencyError, JoinError, PropagatedException, brief


def test_the_root_is_named_once_however_deep_the_chain() -> None:
    root = ValueError("the root")
    error = DependencyError([(root, "task 0 (first)")], 1)
    for task in range(2, 100_000):
        error = DependencyError([(error, f"task {task - 1} (link)")], task)
    assert error.dependent_exceptions_tids == [(root, "task 0 (first)")]
    assert error.__cause__ is root
    assert str(error) == "Dependency failure for task 99999: task 0 (first) failed with ValueError: the root."


def test_depth_costs_nothing_even_behind_many_roots() -> None:
    roots = [(ValueError(n), f"task {n} (f)") for n in range(1000)]
    error = DependencyError(roots, 1000)
    for task in range(1001, 3000):
        before = error
        error = DependencyError([(before, f"task {task - 1} (link)")], task)
        assert error.dependent_exceptions_tids is before.dependent_exceptions_tids


def test_a_diamond_names_its_root_once() -> None:
    root = ValueError("the root")
    left, right = (DependencyError([(root, "task 0 (f)")], task) for task in (1, 2))
    bottom = DependencyError([(left, "task 1 (g)"), (right, "task 2 (g)"), (root, "task 0 (f)")], 3)
    assert bottom.dependent_exceptions_tids == [(root, "task 0 (f)")]


def test_a_ladder_of_diamonds_names_its_roots_once() -> None:
    roots = [(ValueError(n), f"task {n} (f)") for n in range(2)]
    rung = [DependencyError(roots, 2), DependencyError(roots, 3)]
    for task in range(4, 200, 2):
        rung = [DependencyError([(e, "link") for e in rung], task + side) for side in (0, 1)]
    assert rung[0].dependent_exceptions_tids == roots


def test_one_exception_of_two_tasks_is_two_roots() -> None:
    """As when a broken executor fails all its tasks with the same object."""
    shared = ValueError("broken")
    error = DependencyError([(shared, "task 0 (f)"), (shared, "task 1 (f)")], 2)
    assert [name for _, name in error.dependent_exceptions_tids] == ["task 0 (f)", "task 1 (f)"]


def test_many_roots_are_counted_and_the_text_stays_short() -> None:
    error = DependencyError([(ValueError("x" * 10_000), f"task {n} (f)") for n in range(100_000)], 7)
    text = str(error)
    assert text.endswith(f"; and {100_000 - ROOTS_SHOWN} more.")
    assert text.count(" failed with ") == ROOTS_SHOWN
    assert len(text) < 2000
    assert len(error.dependent_exceptions_tids) == 100_000


def test_just_as_many_roots_as_are_shown() -> None:
    error = DependencyError([(ValueError("x"), f"task {n}") for n in range(ROOTS_SHOWN)], 7)
    assert "more" not in str(error)


def test_without_a_known_cause() -> None:
    error = DependencyError([], 7)
    assert (error.dependent_exceptions_tids, error.__cause__) == ([], None)
    assert str(error).startswith("Dependency failure for task 7")


def test_a_join_names_the_roots_behind_its_inner_tasks() -> None:
    root = ValueError("the root")
    inner = DependencyError([(root, "task 1 (f)")], 2)
    error = JoinError([(inner, "task 2"), (KeyError("k"), "task 3")], 0)
    assert str(error) == (
        "Join failure for task 0: task 1 (f) failed with ValueError: the root; task 3 failed with KeyError: 'k'."
    )
    behind = DependencyError([(error, "task 0 (join)")], 4)
    assert [name for _, name in behind.dependent_exceptions_tids] == ["task 1 (f)", "task 3"]


class Stubborn(Exception):
    asked = 0

    def __str__(self) -> str:
        Stubborn.asked += 1
        raise SystemExit(3)


def test_a_users_text_is_not_made_before_it_is_asked_for_and_cannot_end_anything() -> None:
    """The error is made on the kernel's own thread, where no user's code may run."""
    error = DependencyError([(Stubborn(), "task 0 (f)")], 1)
    assert Stubborn.asked == 0
    assert str(error) == (
        "Dependency failure for task 1: task 0 (f) failed with Stubborn: <its text cannot be shown: SystemExit>."
    )
    assert Stubborn.asked == 1


def test_briefly_is_one_line_of_bounded_length() -> None:
    assert brief(ValueError("first\nsecond")) == "ValueError: first"
    assert len(brief(ValueError("x" * 1000))) == len("ValueError: ") + 300


def test_the_kind_of_failure_is_in_words() -> None:
    error = PropagatedException([(ValueError("x"), "task 1")], 2, failure_description="Staging failure")
    assert str(error).startswith("Staging failure for task 2: task 1 failed with")
    assert repr(error) == "PropagatedException('Staging failure', 2)"


def test_roots_survive_pickling_behind_each_other() -> None:
    error = DependencyError([(JoinError([(ValueError("x"), "task 1")], 2), "task 2")], 3)
    twin = pickle.loads(pickle.dumps(error))
    assert str(twin) == str(error)
    assert [(type(e), name) for e, name in twin.dependent_exceptions_tids] == [(ValueError, "task 1")]


def test_what_is_between_the_roots_and_an_error_is_not_kept() -> None:
    root = ValueError("x")
    between = DependencyError([(root, "task 0")], 1)
    gone = weakref.ref(between)
    last = DependencyError([(between, "task 1")], 2)
    del between
    assert gone() is None
    assert last.__cause__ is root


@pytest.mark.parametrize(
    "name", ["BadCheckpoint", "ConfigurationError", "DataFlowException", "DependencyError", "DuplicateTaskError"]
)
def test_the_old_path_has_the_same_classes(name: str) -> None:
    from parsl_like import errors
    from parsl_like.dataflow import errors as new_path

    assert getattr(old_path, name) is (getattr(new_path, name, None) or getattr(errors, name))
