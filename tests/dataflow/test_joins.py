from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from parsl_like.core.events import EventType
from parsl_like.core.ids import TaskId
from parsl_like.core.task import AppSpec, JoinTargets, TaskRow
from parsl_like.dataflow.errors import DependencyError, JoinError
from parsl_like.dataflow.futures import CANCELLED, SUCCEEDED, AppFuture, LazyFuture, run_owed
from parsl_like.dataflow.joins import JoinBody, current_kernel, error_of, watch
from parsl_like.dataflow.services import is_service_thread

PATIENCE = 30.0
KERNEL: Any = object()


# --- the body


@pytest.mark.parametrize("future", [Future(), LazyFuture(), AppFuture(1, "f")], ids=["plain", "lazy", "app"])
def test_one_future_is_waited_for(on_a_thread: Callable[..., Any], future: Future[Any]) -> None:
    targets = on_a_thread(JoinBody(lambda: future, KERNEL)).result(PATIENCE)
    assert (targets.futures, targets.single) == ((future,), True)


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_of_futures_is_waited_for(on_a_thread: Callable[..., Any], kind: Any, count: int) -> None:
    futures = kind(Future() for _ in range(count))
    targets = on_a_thread(JoinBody(lambda: futures, KERNEL)).result(PATIENCE)
    assert isinstance(targets, JoinTargets)
    assert (targets.futures, targets.single) == (tuple(futures), False)


@pytest.mark.parametrize(
    "value", [7, None, "text", {}, [Future(), 7], {Future()}], ids=lambda value: type(value).__name__
)
def test_anything_else_comes_back_as_it_is(on_a_thread: Callable[..., Any], value: Any) -> None:
    assert on_a_thread(JoinBody(lambda: value, KERNEL)).result(PATIENCE) is value


def test_apps_called_in_a_body_go_to_its_kernel(on_a_thread: Callable[..., Any]) -> None:
    other: Any = object()

    def inner() -> None:
        seen.append(current_kernel())

    def outer() -> None:
        seen.append(current_kernel())
        JoinBody(inner, other)()
        seen.append(current_kernel())

    def run() -> tuple[Any, bool]:
        JoinBody(outer, KERNEL)()
        return current_kernel(), is_service_thread()

    seen: list[Any] = []
    assert on_a_thread(run).result(PATIENCE) == (None, True)
    assert seen == [KERNEL, other, KERNEL]
    assert current_kernel() is None


def test_a_body_that_raises_leaves_no_kernel_behind(on_a_thread: Callable[..., Any]) -> None:
    def run() -> Any:
        with pytest.raises(ZeroDivisionError):
            JoinBody(lambda: 1 // 0, KERNEL)()
        return current_kernel()

    assert on_a_thread(run).result(PATIENCE) is None


def test_a_body_is_given_its_arguments_and_has_the_name_of_its_function(on_a_thread: Callable[..., Any]) -> None:
    def decide(a: int, *, b: int) -> int:
        return a + b

    body = JoinBody(decide, KERNEL)
    assert on_a_thread(lambda: body(1, b=2)).result(PATIENCE) == 3
    assert body.__name__ == "decide"
    assert JoinBody(object(), KERNEL).__name__ == "join_app"  # type: ignore[arg-type]


# --- waiting for the inner futures


class Watched:
    """What has been posted for a join over some futures."""

    def __init__(self, *futures: Future[Any], single: bool = False) -> None:
        self.posted: list[tuple[int, int, Any]] = []
        row = TaskRow(TaskId(9), AppSpec("gather", None, join=True), "x")
        watch(row, JoinTargets(futures, single=single), self.posted.append)

    @property
    def outcome(self) -> Any:
        """What was posted, once."""
        ((code, task, data),) = self.posted
        assert (code, task) == (EventType.JOIN_DONE, 9)
        return data


def test_the_end_is_posted_when_the_last_future_has_ended() -> None:
    futures = [Future[Any](), LazyFuture[Any](), AppFuture[Any](3, "f")]
    watched = Watched(*futures)
    for value in (2, 0, 1):
        assert watched.posted == []
        futures[value].set_result(value)
    assert watched.outcome == (True, [0, 1, 2])


def test_one_future_gives_its_value_itself() -> None:
    future: Future[Any] = Future()
    watched = Watched(future, single=True)
    future.set_result("value")
    assert watched.outcome == (True, "value")


def test_an_empty_list_has_ended_already() -> None:
    assert Watched().outcome == (True, [])


def test_futures_that_had_ended_before_are_not_waited_for() -> None:
    future: Future[Any] = Future()
    future.set_result(1)
    assert Watched(future, future).outcome == (True, [1, 1])


def test_failures_of_every_kind_are_named_and_the_others_are_waited_for() -> None:
    failing, cancelled, good = AppFuture[Any](3, "f"), LazyFuture[Any](), Future[Any]()
    watched = Watched(failing, cancelled, good)
    failing.set_exception(ValueError("no"))
    cancelled.cancel()
    assert watched.posted == []
    good.set_result(1)
    ok, error = watched.outcome
    assert (ok, type(error), error.task_id) == (False, JoinError, 9)
    names = [name for _, name in error.dependent_exceptions_tids]
    assert names == ["task 3 (f)", "a future of another kind"]
    assert [type(e) for e, _ in error.dependent_exceptions_tids] == [ValueError, CancelledError]
    assert str(error).startswith("Join failure for task 9: task 3 (f) failed with ValueError: no; a future of another ")


def test_the_kernels_own_futures_are_heard_of_before_callbacks_of_users_have_run() -> None:
    future: AppFuture[Any] = AppFuture(3, "f")
    called: list[Any] = []
    future.add_done_callback(called.append)
    watched = Watched(future, single=True)
    future.settle(SUCCEEDED, 7)
    owed = future.tell()
    assert (watched.outcome, called) == ((True, 7), [])
    assert [(due, len(callbacks)) for due, callbacks in owed] == [(future, 1)]


def test_futures_of_other_libraries_are_read_where_their_callbacks_run() -> None:
    """Their code must not run on the thread that tells of the kernel's own ends."""
    own, other = AppFuture[Any](3, "f"), Future[Any]()
    watched = Watched(own, other)
    other.set_result(1)
    own.settle(SUCCEEDED, 7)
    owed = own.tell()
    assert watched.posted == []
    run_owed(owed)
    assert watched.outcome == (True, [7, 1])


def test_the_roots_behind_inner_tasks_are_named() -> None:
    inner: AppFuture[Any] = AppFuture(5, "f")
    watched = Watched(inner)
    inner.set_exception(DependencyError([(ValueError("no"), "task 4 (g)")], 5))
    assert [name for _, name in watched.outcome[1].dependent_exceptions_tids] == ["task 4 (g)"]


def test_a_task_cancelled_before_it_is_published_counts_when_it_is() -> None:
    inner: AppFuture[Any] = AppFuture(5, "f")
    watched = Watched(inner)
    inner.settle(CANCELLED, None)
    assert watched.posted == []
    inner.publish()
    assert watched.outcome[0] is False


def test_the_end_is_posted_once_however_many_threads_end_the_futures(on_a_thread: Callable[..., Any]) -> None:
    for _ in range(30):
        futures = [LazyFuture[Any]() for _ in range(40)]
        watched = Watched(*futures)
        start = threading.Barrier(4)

        def end(share: int, futures: list[Any] = futures, start: threading.Barrier = start) -> None:
            start.wait(PATIENCE)
            for future in futures[share::4]:
                future.set_result(share)

        for run in [on_a_thread(lambda share=share, end=end: end(share)) for share in range(4)]:
            run.result(PATIENCE)
        assert watched.outcome == (True, [0, 1, 2, 3] * 10)


class Unnameable(Future[Any]):
    def __repr__(self) -> str:
        raise RuntimeError("no name")


def test_a_future_without_a_name_does_not_keep_the_join_waiting() -> None:
    future = Unnameable()
    watched = Watched(future)
    future.set_exception(ValueError("no"))
    assert watched.outcome[0] is False


@pytest.mark.parametrize("make", [Future, LazyFuture])
def test_what_a_future_failed_with(make: Callable[[], Future[Any]]) -> None:
    error = ValueError("no")
    good, bad, cancelled = make(), make(), make()
    good.set_result(1)
    bad.set_exception(error)
    cancelled.cancel()
    assert (error_of(good), error_of(bad)) == (None, error)
    assert isinstance(error_of(cancelled), CancelledError)
    assert "was cancelled" in str(error_of(cancelled))
