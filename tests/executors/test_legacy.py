from __future__ import annotations

import os
import threading
import time
from concurrent import futures
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.core.ids import AttemptId
from parsl_like.errors import ConfigurationError, ExecutorError, InvalidResourceSpecification, TaskExit
from parsl_like.executors.base import ParslExecutor
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.executors.legacy import LegacySession, PoolExecutor, as_executor, parsl_like_open_executor
from parsl_like.executors.threads import ThreadPoolExecutor
from parsl_like.testing.executor_contract import FAILED, SUCCEEDED, Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Noting(ParslExecutor):
    """A user's executor that runs tasks on the spot and notes what it is asked."""

    def __init__(self, label: str = "noting") -> None:
        super().__init__()
        self.label = label
        self.calls: list[Any] = []

    def start(self) -> None:
        self.calls.append(("start", self.run_dir, self.run_id))

    def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(("submit", resource_specification, threading.current_thread().name))
        future: Future[Any] = Future()
        try:
            future.set_result(func(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - the future's
            future.set_exception(error)
        return future

    def shutdown(self) -> None:  # type: ignore[override]  # written for Parsl
        self.calls.append(("shutdown",))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[ParslExecutor], Owner]]:
    owners: list[Owner] = []

    def made(executor: ParslExecutor) -> Owner:
        owner = Owner(tmp_path, executor.label)
        owners.append(owner)
        session = parsl_like_open_executor(executor, owner.context)
        assert isinstance(session, LegacySession)
        owner.serve(session)
        executor.attach(session)
        return owner

    yield made
    for owner in owners:
        if owner._session is not None:
            owner.session.close(deadline=time.monotonic() + 10)
        owner.close()


def test_start_submit_and_shutdown_are_called_as_written(
    serve: Callable[[ParslExecutor], Owner], tmp_path: Path
) -> None:
    executor = Noting()
    owner = serve(executor)
    assert executor.calls == [("start", str(tmp_path), "contract")]
    assert owner.run(divmod, 7, 2) == (3, 1)
    row = owner.attempt(dict, a=1)
    row.resources = {"cores": 3}
    owner.session.submit([row])
    owner.wait_for([row.attempt_id])
    assert owner.ended[row.attempt_id][2][0] == {"a": 1}
    owner.session.close(deadline=time.monotonic() + 10)
    thread = "parsl-like-noting-submit"
    assert executor.calls[1:] == [("submit", {}, thread), ("submit", {"cores": 3}, thread), ("shutdown",)]


def test_it_can_serve_one_run_after_another_but_not_two_at_once(serve: Callable[[ParslExecutor], Owner]) -> None:
    executor = Noting()
    first = serve(executor)
    with pytest.raises(ExecutorError, match="serves another run at this moment"):
        serve(executor)
    first.session.close(deadline=time.monotonic() + 10)
    executor.detach(first.session)
    assert serve(executor).run(len, "abc") == 3


def test_a_start_that_raises_ends_the_opening(serve: Callable[[ParslExecutor], Owner]) -> None:
    class Bad(Noting):
        def start(self) -> None:
            raise OSError("no licence")

    with pytest.raises(ExecutorError, match="OSError: no licence") as caught:
        serve(Bad())
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("answer", [None, 5])
def test_a_submit_that_gives_no_future_fails_the_attempt(serve: Callable[[ParslExecutor], Owner], answer: Any) -> None:
    class Bad(Noting):
        def submit(self, *_args: Any, **_kwargs: Any) -> Any:
            return answer

    with pytest.raises(TypeError, match="not a Future"):
        serve(Bad()).run(len, "abc")


@pytest.mark.parametrize(("raised", "seen"), [(OSError("full"), OSError), (SystemExit(1), TaskExit)])
def test_a_submit_that_raises_fails_the_attempt_and_the_next_is_served(
    serve: Callable[[ParslExecutor], Owner], raised: BaseException, seen: type
) -> None:
    class Bad(Noting):
        def submit(self, func: Any, *args: Any, **kwargs: Any) -> Any:
            if func is len:
                raise raised
            return super().submit(func, *args, **kwargs)

    owner = serve(Bad())
    with pytest.raises(seen):
        owner.run(len, "abc")
    assert owner.run(abs, -1) == 1


def test_a_future_that_the_executor_cancels_is_a_failure(serve: Callable[[ParslExecutor], Owner]) -> None:
    class Bad(Noting):
        def submit(self, *_args: Any, **_kwargs: Any) -> Any:
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(ExecutorError, match="cancelled the attempt"):
        serve(Bad()).run(len, "abc")


def test_cancelling_reaches_the_future(serve: Callable[[ParslExecutor], Owner]) -> None:
    class Slow(Noting):
        def submit(self, *_args: Any, **_kwargs: Any) -> Any:
            self.future: Future[Any] = Future()
            self.handed_over.set()
            return self.future

    executor = Slow()
    executor.handed_over = threading.Event()  # type: ignore[attr-defined]
    owner = serve(executor)
    attempt = owner.submit(len, "abc")
    assert executor.handed_over.wait(30)  # type: ignore[attr-defined]
    deadline = time.monotonic() + 30
    while attempt not in owner.session._futures and time.monotonic() < deadline:  # type: ignore[attr-defined]
        owner.look()
    owner.session.cancel([AttemptId(attempt)])
    assert executor.future.cancelled()
    owner.wait_for([attempt])
    assert owner.session.load().outstanding == 0


def test_a_shutdown_that_raises_is_reported(
    serve: Callable[[ParslExecutor], Owner], caplog: pytest.LogCaptureFixture
) -> None:
    class Bad(Noting):
        def shutdown(self) -> None:  # type: ignore[override]
            raise OSError("gone")

    serve(Bad()).session.close(deadline=time.monotonic() + 10)
    assert "shutdown() of executor noting raised" in caplog.text


def test_a_shutdown_that_does_not_come_back_is_left_alone(
    serve: Callable[[ParslExecutor], Owner], caplog: pytest.LogCaptureFixture
) -> None:
    gate = threading.Event()

    class Stuck(Noting):
        def shutdown(self) -> None:  # type: ignore[override]
            gate.wait(30)

    owner = serve(Stuck())
    owner.session.close(deadline=time.monotonic() + 0.1)
    gate.set()
    assert "does not come back" in caplog.text


def test_the_session_tells_what_is_outstanding(serve: Callable[[ParslExecutor], Owner]) -> None:
    session: Any = serve(Noting()).session
    assert session.outstanding == 0
    assert session.load().slots == 1
    assert list(session.pump()) == []


# --- a class of this package with one method changed


class Doubling(ThreadPoolExecutor):
    def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Any:
        return super().submit(lambda: 2 * func(*args, **kwargs), resource_specification)


def test_a_changed_method_may_call_the_one_it_replaces(serve: Callable[[ParslExecutor], Owner]) -> None:
    owner = serve(Doubling(max_threads=1).sealed())
    assert owner.run(len, "abc") == 6
    rows = [owner.attempt(abs, n) for n in range(200)]
    owner.session.submit(rows)
    owner.wait_for(row.attempt_id for row in rows)
    assert [owner.ended[row.attempt_id][2][0] for row in rows] == [2 * n for n in range(200)]


def test_other_descriptions_are_left_to_others(tmp_path: Path) -> None:
    with Owner(tmp_path) as owner:
        assert parsl_like_open_executor(ThreadPoolExecutor(), owner.context) is None


# --- plain pools


@pytest.fixture
def pool() -> Iterator[futures.ThreadPoolExecutor]:
    with futures.ThreadPoolExecutor(max_workers=2) as made:
        yield made


def test_a_pool_runs_tasks_and_is_never_shut_down(
    serve: Callable[[ParslExecutor], Owner], pool: futures.ThreadPoolExecutor
) -> None:
    executor = as_executor(pool)
    assert executor.label == "ThreadPoolExecutor"
    owners = [serve(executor.sealed()) for _ in range(2)]  # two runs at once
    for owner in owners:
        code, _, (value, report) = owner.event(owner.submit(divmod, 7, 2))
        assert (code, value, report[2]) == (SUCCEEDED, (3, 1), "ThreadPoolExecutor")
        owner.session.close(deadline=time.monotonic() + 10)
    assert pool.submit(len, "abc").result(timeout=30) == 3
    assert executor.shutdown()


def test_a_pool_knows_no_resources(serve: Callable[[ParslExecutor], Owner], pool: futures.ThreadPoolExecutor) -> None:
    owner = serve(PoolExecutor(pool).sealed())
    row = owner.attempt(len, "abc")
    row.resources = {"cores": 1}
    owner.session.submit([row])
    owner.wait_for([row.attempt_id])
    code, _, (error, *_) = owner.ended[row.attempt_id]
    assert code == FAILED
    assert isinstance(error, InvalidResourceSpecification)


def test_what_has_not_begun_in_a_pool_is_cancelled_at_the_end(
    serve: Callable[[ParslExecutor], Owner],
) -> None:
    gate, ran = threading.Event(), []
    with futures.ThreadPoolExecutor(max_workers=1) as pool:
        owner = serve(PoolExecutor(pool, label="one").sealed())
        owner.submit(gate.wait, 30)
        last = owner.submit(ran.append, 1)
        deadline = time.monotonic() + 30
        while last not in owner.session._futures and time.monotonic() < deadline:  # type: ignore[attr-defined]
            owner.look()
        owner.session.close(deadline=time.monotonic() + 10)
        gate.set()
    assert ran == []


def test_executors_pass_and_strangers_are_refused(pool: futures.ThreadPoolExecutor) -> None:
    executor = Noting()
    assert as_executor(executor) is executor
    assert as_executor(pool) == PoolExecutor(pool)
    with pytest.raises(ConfigurationError, match=r"Config\.executors is 'threads'"):
        as_executor("threads")


# --- through a kernel


def kernel_for(tmp_path: Path, *executors: Any) -> Any:
    return parsl_like.load(Config(executors=list(executors), run_dir=tmp_path / "runs", retries=1))


def test_a_kernel_runs_apps_on_executors_of_every_kind(tmp_path: Path, pool: futures.ThreadPoolExecutor) -> None:
    noting = Noting()
    with kernel_for(tmp_path, noting, pool, Doubling(label="doubling")) as kernel:
        assert kernel.submit(len, ["abc"], executors=["noting"]).result(timeout=30) == 3
        assert kernel.submit(len, ["abc"], executors=["ThreadPoolExecutor"]).result(timeout=30) == 3
        assert kernel.submit(len, ["abc"], executors=["doubling"]).result(timeout=30) == 6
        with pytest.raises(TypeError):
            kernel.submit(len, [5], executors=["noting"]).result(timeout=30)
        assert noting.run_dir == kernel.run_dir
    assert [call[0] for call in noting.calls] == ["start", "submit", "submit", "submit", "shutdown"]
    with kernel_for(tmp_path, noting) as kernel:
        assert kernel.submit(len, ["abc"]).result(timeout=30) == 3


@pytest.mark.integration
def test_a_kernel_runs_apps_on_worker_processes_behind_a_changed_method(tmp_path: Path) -> None:
    class Renaming(HighThroughputExecutor):
        def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Any:
            return super().submit(func, {"priority": 5, **resource_specification}, *args, **kwargs)

    executor = Renaming(label="changed", max_workers_per_node=1, cores_per_worker=0.1)
    with kernel_for(tmp_path, executor) as kernel:
        assert kernel.submit(os.getpid).result(timeout=60) != os.getpid()
