from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.events import EventType
from parsl_like.core.ids import TaskId
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.data_provider.files import File
from parsl_like.dataflow.dependency_resolvers import (
    DEEP_DEPENDENCY_RESOLVER,
    SHALLOW_DEPENDENCY_RESOLVER,
    DependencyResolver,
)
from parsl_like.dataflow.futures import CANCELLED, FAILED, SUCCEEDED, AppFuture, LazyFuture
from parsl_like.dataflow.preparation import ATOMS, FUNCTIONS_KEPT, Preparation, name_of, settled_error
from parsl_like.errors import SerializationError
from parsl_like.serialize.functions import FunctionBlob

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 30.0


def work(*args: Any, **kwargs: Any) -> None:
    """An app's function."""


APP = AppSpec("work", work)


class Memory:
    """Remembered results, by the arguments of the call."""

    wants_notes = False

    def __init__(self, **known: Any) -> None:
        self.known = known
        self.asked: list[Any] = []
        self.in_flight: dict[str, int] = {}

    def key(self, task: Mapping[str, Any]) -> str | None:
        self.asked.append((task["func_name"], task["args"], task["kwargs"]))
        return str(task["args"][0]) if task["args"] else None

    def lookup(self, key: str) -> tuple[bool, Any]:
        return (True, self.known[key]) if key in self.known else (False, None)

    def attach(self, key: str, task: int) -> int | None:
        first = self.in_flight.setdefault(key, task)
        return None if first == task else first


class Desk:
    """A preparation with two executors, and the events that came of it."""

    def __init__(self, resolver: DependencyResolver, session_of: Any, memo: Any = None) -> None:
        self.posted: list[Any] = []
        self.notes: list[tuple[Any, str]] = []
        self.memo = memo if memo is not None else Memory()
        sessions = {"threads": session_of("threads"), "htex": session_of("htex", wants="bytes")}
        self.preparation = Preparation(
            sessions, resolver, self.memo, self.posted.append, note=lambda row, why: self.notes.append((row.key, why))
        )

    def event(self, *args: Any, executor: str = "threads", app: AppSpec = APP, **kwargs: Any) -> Any:
        return self.preparation.event_for(self.row(*args, executor=executor, app=app, **kwargs))

    def row(self, *args: Any, executor: str = "threads", app: AppSpec = APP, **kwargs: Any) -> TaskRow:
        row = TaskRow(TaskId(7), app, executor, AppFuture(7, "work"))
        row.args, row.kwargs = args, kwargs
        return row


@pytest.fixture
def desk(session_of: Any) -> Desk:
    return Desk(SHALLOW_DEPENDENCY_RESOLVER, session_of)


@pytest.fixture
def deep(session_of: Any) -> Desk:
    return Desk(DEEP_DEPENDENCY_RESOLVER, session_of)


def settled(how: int, value: Any = None, tid: int = 3) -> AppFuture[Any]:
    """A future that has ended but of which nobody has been told."""
    future: AppFuture[Any] = AppFuture(tid, "before")
    future.settle(how, value)
    return future


# --- putting values in place


def test_values_take_the_place_of_futures(desk: Desk) -> None:
    foreign: Future[Any] = Future()
    foreign.set_result(2)
    code, task, call = desk.event(settled(SUCCEEDED, 1), foreign, 5, k=settled(SUCCEEDED, "v"), plain=[1])
    assert (code, task) == (EventType.PREPARED, 7)
    assert call == (work, (1, 2, 5), {"k": "v", "plain": [1]}, None, ())


@pytest.mark.parametrize("kind", [list, tuple])
def test_the_members_of_inputs_are_arguments_too(desk: Desk, kind: Any) -> None:
    given = kind([settled(SUCCEEDED, 1), 5])
    assert len(desk.preparation.futures_in((), {"inputs": given})) == 1
    assert desk.event(inputs=given)[2][2] == {"inputs": [1, 5]}


def test_inputs_that_are_one_future_are_its_value(desk: Desk) -> None:
    assert desk.event(inputs=settled(SUCCEEDED, [1]))[2][2] == {"inputs": [1]}


def test_the_callers_own_dictionary_is_left_alone(desk: Desk) -> None:
    future = settled(SUCCEEDED, 1)
    kwargs = {"k": future, "inputs": [future]}
    desk.preparation.in_place((), kwargs)
    assert kwargs == {"k": future, "inputs": [future]}


def test_only_the_deep_resolver_looks_into_containers(desk: Desk, deep: Desk) -> None:
    future = settled(SUCCEEDED, 1)
    future.publish()
    given = {"a": [future]}
    assert (desk.preparation.futures_in((given,), {}), deep.preparation.futures_in((given,), {})) == ([], [future])
    assert (desk.event(given)[2][1], deep.event(given)[2][1]) == (({"a": [future]},), ({"a": [1]},))


def test_what_can_hold_no_future_is_not_looked_at(session_of: Any) -> None:
    seen: list[object] = []
    looking = DependencyResolver(lambda argument: (seen.append(argument), [])[1], lambda argument: argument)
    desk = Desk(looking, session_of)
    desk.event(1, "a", b"b", None, True, 1.5, 1j, [1], k=2, l=(3,))
    assert [type(argument) for argument in seen] == [list, tuple]
    assert not ATOMS & {list, tuple, dict, set}


# --- dependencies that failed


def test_failed_dependencies_are_named_with_their_errors(desk: Desk) -> None:
    error, other = ValueError("no"), KeyError("k")
    foreign: Future[Any] = Future()
    foreign.set_exception(other)
    event = desk.event(settled(FAILED, error), settled(SUCCEEDED, 1), inputs=[foreign])
    assert event == (
        EventType.DEPENDENCIES_FAILED,
        7,
        (("task 3 (before)", error), ("a future of another kind", other)),
    )


@pytest.mark.parametrize("make", [Future, LazyFuture, lambda: AppFuture(3, "before")], ids=["plain", "lazy", "app"])
def test_a_cancelled_dependency_is_a_failed_one(desk: Desk, make: Callable[[], Future[Any]]) -> None:
    future = make()
    future.settle(CANCELLED, None) if isinstance(future, LazyFuture) else future.cancel()
    code, _, failed = desk.event(future)
    assert (code, len(failed)) == (EventType.DEPENDENCIES_FAILED, 1)
    assert isinstance(failed[0][1], CancelledError)


def test_a_future_that_appears_without_having_been_waited_for_is_an_error_not_a_wait(desk: Desk) -> None:
    """A resolver of the user's may find other futures the second time."""
    assert isinstance(settled_error(Future()), SerializationError)
    code, _, failed = desk.event(Future())
    assert code == EventType.DEPENDENCIES_FAILED
    assert "is not done" in str(failed[0][1])


def test_names_of_futures() -> None:
    assert name_of(AppFuture(3, "f")) == "task 3 (f)"
    assert name_of(LazyFuture()) == name_of(Future()) == "a future of another kind"


# --- packing


def test_executors_of_other_processes_get_bytes(desk: Desk) -> None:
    code, _, (function, args, kwargs, body, buffers) = desk.event(1, executor="htex", k=2)
    assert code == EventType.PREPARED
    assert isinstance(function, FunctionBlob)
    assert (args, kwargs, type(body), list(buffers)) == ((1,), {"k": 2}, bytes, [])


def test_a_function_is_packed_once(desk: Desk) -> None:
    blobs = {id(desk.event(n, executor="htex")[2][0]) for n in range(3)}
    assert len(blobs) == 1


def test_a_packed_function_is_not_packed_again(desk: Desk) -> None:
    blob = desk.preparation.packed_function(work)
    assert desk.preparation.packed_function(blob) is blob
    row = desk.row(1, executor="htex")
    row.function = blob
    assert desk.preparation.event_for(row)[2][0] is blob


def test_a_program_that_makes_a_function_per_call_does_not_grow_for_ever(desk: Desk) -> None:
    for number in range(FUNCTIONS_KEPT + 10):
        desk.preparation._functions[number] = (number, None)  # type: ignore[assignment]
    desk.preparation.packed_function(work)
    assert len(desk.preparation._functions) == 1


def test_the_function_of_the_row_goes_before_that_of_the_app(desk: Desk) -> None:
    row = desk.row(1)
    row.function = print
    assert desk.preparation.event_for(row)[2][0] is print


def test_an_executor_that_is_gone_is_found_out_at_launch(desk: Desk) -> None:
    assert desk.event(1, executor="gone")[0] == EventType.PREPARED


def test_what_cannot_be_sent_fails_its_task_with_the_place_of_the_trouble(desk: Desk) -> None:
    code, task, error = desk.event(1, {"key": [threading.Lock()]}, executor="htex")
    assert (code, task, type(error)) == (EventType.PREPARE_FAILED, 7, SerializationError)
    assert "args[1]['key'][0]" in str(error)


@pytest.mark.parametrize("where", ["traverse_to_gather", "traverse_to_unwrap"])
def test_a_resolver_that_raises_fails_its_task(session_of: Any, where: str) -> None:
    def broken(argument: object) -> Any:
        raise ValueError("no")

    functions: dict[str, Any] = {"traverse_to_gather": lambda a: [], "traverse_to_unwrap": lambda a: a, where: broken}
    code, _, error = Desk(DependencyResolver(**functions), session_of).event([1])
    assert (code, str(error)) == (EventType.PREPARE_FAILED, "no")


class Ends:
    """An argument whose pickling wants to end the program."""

    def __reduce__(self) -> Any:
        sys.exit(3)


def test_an_argument_that_wants_to_end_the_program_fails_its_task(desk: Desk) -> None:
    code, _, error = desk.event(Ends(), executor="htex")
    assert (code, type(error)) == (EventType.PREPARE_FAILED, SerializationError)


def test_a_resolver_that_wants_to_end_the_program_fails_its_task(session_of: Any) -> None:
    desk = Desk(DependencyResolver(lambda argument: sys.exit(3), lambda argument: argument), session_of)
    try:
        event = desk.event([1])
    except SystemExit:
        pytest.fail("event_for never raises")
    assert event[0] == EventType.PREPARE_FAILED


# --- remembered results

CACHED = AppSpec("work", work, cache=True)


def test_a_remembered_result_is_recalled(session_of: Any) -> None:
    desk = Desk(SHALLOW_DEPENDENCY_RESOLVER, session_of, Memory(**{"1": "value"}))
    assert desk.event(settled(SUCCEEDED, 1), app=CACHED, k=2) == (EventType.RECALLED, 7, "value")
    assert desk.memo.asked == [("work", [1], {"k": 2})]


def test_the_key_of_a_result_that_is_not_remembered_stays_with_the_task(desk: Desk) -> None:
    row = desk.row(1, app=CACHED)
    assert desk.preparation.event_for(row)[0] == EventType.PREPARED
    assert row.key == "1"


def test_an_equal_call_in_flight_is_followed(desk: Desk) -> None:
    desk.memo.in_flight["1"] = 3
    row = desk.row(1, app=CACHED)
    assert desk.preparation.event_for(row) == (EventType.ATTACHED, 7, 3)
    assert row.key == "1"


def test_a_forced_call_runs_whatever_is_remembered_or_in_flight(session_of: Any) -> None:
    desk = Desk(SHALLOW_DEPENDENCY_RESOLVER, session_of, Memory(**{"1": "value"}))
    desk.memo.in_flight["1"] = 3
    row = desk.row(1, app=AppSpec("work", work, cache="force"))
    assert desk.preparation.event_for(row)[0] == EventType.PREPARED
    assert row.key == "1"
    assert desk.notes == [("1", "forced")]


@pytest.mark.parametrize("wanted", [True, False])
def test_keys_of_calls_that_run_are_noted_if_somebody_wants_that(desk: Desk, wanted: bool) -> None:
    desk.memo.wants_notes = wanted
    desk.event(1, app=CACHED)
    assert desk.notes == ([("1", "")] if wanted else [])


@pytest.mark.parametrize("there", [True, False])
def test_a_result_whose_file_is_gone_is_remembered_in_vain(session_of: Any, tmp_path: Path, there: bool) -> None:
    made = tmp_path / "made"
    if there:
        made.touch()
    desk = Desk(SHALLOW_DEPENDENCY_RESOLVER, session_of, Memory(**{"1": "value"}))
    code, *_ = desk.event(1, app=CACHED, outputs=[File(str(made)), "no file"])
    assert code == (EventType.RECALLED if there else EventType.PREPARED)
    assert desk.notes == ([] if there else [("1", "outputs missing")])


def test_a_call_without_a_key_is_not_remembered(desk: Desk) -> None:
    row = desk.row(app=CACHED)
    assert desk.preparation.event_for(row)[0] == EventType.PREPARED
    assert row.key is None


def test_a_memory_that_raises_fails_the_task(session_of: Any) -> None:
    memo = Memory()
    memo.key = lambda task: 1 // 0  # type: ignore[method-assign,assignment,return-value]
    code, _, error = Desk(SHALLOW_DEPENDENCY_RESOLVER, session_of, memo).event(1, app=CACHED)
    assert (code, type(error)) == (EventType.PREPARE_FAILED, ZeroDivisionError)


def test_apps_that_do_not_ask_for_it_are_not_looked_up(desk: Desk) -> None:
    desk.event(1)
    assert desk.memo.asked == []


# --- the thread's work


def test_a_batch_is_answered_with_one_batch(desk: Desk) -> None:
    desk.preparation.serve([desk.row(1), desk.row(Future())])
    ((first, second),) = desk.posted
    assert (first[0], second[0]) == (EventType.PREPARED, EventType.DEPENDENCIES_FAILED)


def test_other_work_may_be_done_on_the_same_thread(desk: Desk) -> None:
    desk.preparation.serve(lambda: [(EventType.TIME_PASSED, 0, 1.0)])
    desk.preparation.serve(lambda: ())
    assert desk.posted == [[(EventType.TIME_PASSED, 0, 1.0)]]
