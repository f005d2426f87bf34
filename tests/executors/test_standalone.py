from __future__ import annotations

import math
import os
import threading
import time
from concurrent.futures import CancelledError, Future, wait
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId, JobId, TaskId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.ports import BlockRequest
from parsl_like.errors import (
    ConfigurationError,
    ExecutorError,
    InvalidResourceSpecification,
    SerializationError,
    SubmitException,
    TaskExit,
)
from parsl_like.executors.attempts import AttemptMaker
from parsl_like.executors.high_throughput.description import HighThroughputExecutor
from parsl_like.executors.standalone import SessionPump, StandaloneRun
from parsl_like.executors.standalone_blocks import Blocks
from parsl_like.executors.threads import ThreadPoolExecutor
from parsl_like.providers.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_threads=2) as started:
        started.start()
        yield started


def test_a_call_gives_a_future_of_its_value(executor: ThreadPoolExecutor) -> None:
    future = executor.submit(divmod, None, 7, 2)
    assert isinstance(future, Future)
    assert future.result(timeout=30) == (3, 1)
    assert executor.submit(dict, {}, a=1).result(timeout=30) == {"a": 1}


def test_many_calls_from_many_threads(executor: ThreadPoolExecutor) -> None:
    found: list[list[int]] = []

    def submit_some() -> None:
        futures = [executor.submit(abs, None, -n) for n in range(300)]
        found.append([future.result(timeout=60) for future in futures])

    threads = [threading.Thread(target=submit_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(300))] * 4


def test_failures_are_the_futures_and_end_nothing(executor: ThreadPoolExecutor) -> None:
    def leave() -> None:
        raise SystemExit(2)

    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, None, 1, 0).result(timeout=30)
    with pytest.raises(TaskExit, match="SystemExit"):
        executor.submit(leave, None).result(timeout=30)
    assert executor.submit(len, None, "abc").result(timeout=30) == 3


def test_starting_twice_is_starting_once(executor: ThreadPoolExecutor) -> None:
    before = executor._standalone()
    executor.start()
    assert executor._standalone() is before


def test_an_executor_can_be_started_again_after_its_end() -> None:
    executor = ThreadPoolExecutor()
    for _ in range(2):
        executor.start()
        assert executor.submit(len, None, "abc").result(timeout=30) == 3
        assert executor.shutdown()
    assert executor.shutdown()


def test_without_a_start_submit_says_what_to_do() -> None:
    with pytest.raises(ExecutorError, match=r"call start\(\) first"):
        ThreadPoolExecutor().submit(len, None, "abc")


def test_a_specification_it_does_not_know_is_refused(executor: ThreadPoolExecutor) -> None:
    with pytest.raises(InvalidResourceSpecification, match="cores"):
        executor.submit(len, {"cores": 1}, "abc")
    assert executor.submit(len, {"priority": 1}, "abc").result(timeout=30) == 3


def test_what_cannot_count_any_more_is_refused_after_the_start(executor: ThreadPoolExecutor) -> None:
    with pytest.raises(ConfigurationError, match="max_threads cannot be changed while a run uses executor 'threads'"):
        executor.max_threads = 50
    assert executor.live_session().load().slots == 2


def test_while_it_runs_it_answers_and_afterwards_not(executor: ThreadPoolExecutor) -> None:
    assert executor.live_session().label == "threads"
    executor.shutdown()
    with pytest.raises(ConfigurationError, match="no run"):
        executor.live_session()


def test_a_wrong_description_starts_nothing() -> None:
    executor = ThreadPoolExecutor(max_threads=0)
    with pytest.raises(ConfigurationError):
        executor.start()
    assert executor._standalone() is None


def test_what_has_not_ended_at_the_shutdown_fails() -> None:
    executor, gate, begun = ThreadPoolExecutor(max_threads=1), threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        gate.wait(30)

    executor.start()
    futures = [executor.submit(block, None), executor.submit(len, None, "abc")]
    assert begun.wait(30)
    executor.shutdown(timeout=0.2)
    gate.set()
    assert wait(futures, timeout=30).not_done == set()
    for future in futures:
        with pytest.raises(ExecutorError, match="shut down before the task ended"):
            future.result()


def test_a_callback_may_shut_the_executor_down() -> None:
    executor, ended = ThreadPoolExecutor(), threading.Event()
    executor.start()
    future = executor.submit(len, None, "abc")
    future.add_done_callback(lambda _: (executor.shutdown(), ended.set()))
    assert ended.wait(30)


def test_a_future_cancelled_before_it_was_seen_never_runs() -> None:
    pump = SessionPump("pump")
    executor, ran = ThreadPoolExecutor().sealed(), []
    future: Future[Any] = Future()
    assert future.cancel()
    run = None
    try:
        run = StandaloneRun(ThreadPoolExecutor(), executor)
        row = AttemptMaker(run.session).make(TaskId(999), ran.append, (1,))
        run._pump.put(row, future)
        assert run.submit(len, None, ("abc",), {}).result(timeout=30) == 3
    finally:
        if run is not None:
            run.close(10)
        pump.stop(0.0, ExecutorError("x", "y"))
    assert ran == []
    with pytest.raises(CancelledError):
        future.result()


def test_a_session_that_breaks_fails_what_waits_for_it(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        label, wants = "broken", "objects"

        def fds(self) -> tuple[int, ...]:
            return ()

        def pump(self) -> Sequence[Any]:
            return ()

        def deadline(self) -> float:
            return math.inf

        def submit(self, attempts: Sequence[Any]) -> None:
            raise RuntimeError("out of order")

        def close(self, *, deadline: float) -> None:
            """Nothing runs."""

    pump, session, future = SessionPump("pump"), Broken(), Future[Any]()
    pump.start(session)  # type: ignore[arg-type]
    pump.put(AttemptMaker(session).make(TaskId(0), len, ("abc",)), future)  # type: ignore[arg-type]
    with pytest.raises(ExecutorError, match="out of order"):
        future.result(timeout=30)
    assert pump.stop(time.monotonic() + 10, ExecutorError("broken", "closed"))
    assert "the pump of executor broken failed" in caplog.text


def test_a_deferred_event_settles_its_future(executor: ThreadPoolExecutor) -> None:
    run = executor._standalone()
    assert run is not None
    gate = threading.Event()
    future = executor.submit(gate.wait, None, 30)
    number = next(run._numbers) - 1
    seen = threading.Event()

    def later() -> list[tuple[int, int, Any]]:
        seen.set()
        return [(0, number << 16, ("deferred", None))]

    run._pump.defer(later)
    assert seen.wait(30)
    assert future.result(timeout=30) == "deferred"
    gate.set()


# --- blocks


class Provider:
    """Keeps what it was asked, in the place of a batch system."""

    def __init__(self, refuse_at: int = 10**9) -> None:
        self.submitted: list[BlockRequest] = []
        self.cancelled: list[JobId] = []
        self.closed = False
        self.refuse_at = refuse_at

    def submit(self, request: BlockRequest) -> JobId:
        if len(self.submitted) >= self.refuse_at:
            raise SubmitException(request.job_name, "full")
        self.submitted.append(request)
        return JobId(f"job-{request.block_id}")

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        return {job: JobReport(JobState.RUNNING) for job in jobs if job != "job-0"}

    def cancel(self, jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        self.cancelled += jobs
        return dict.fromkeys(jobs, True)

    def output(self, job: JobId) -> tuple[str | None, str | None]:
        return None, None

    def close(self) -> None:
        self.closed = True


class Elastic:
    """What of a session matters to blocks."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def block_request(self, block: BlockId) -> BlockRequest:
        return BlockRequest(block, "run")

    def block_ended(self, block: BlockId, reason: str) -> None:
        self.ended.append(block)


def made(**options: Any) -> tuple[Blocks, Provider, Elastic]:
    provider, session = Provider(**options), Elastic()
    return Blocks(session, provider, 1), provider, session  # type: ignore[arg-type]


def test_blocks_come_and_go_by_hand() -> None:
    blocks, provider, session = made()
    assert blocks.scale_out(3) == ["0", "1", "2"]
    assert [request.block_id for request in provider.submitted] == ["0", "1", "2"]
    assert blocks.status() == {"1": JobStatus(JobState.RUNNING), "2": JobStatus(JobState.RUNNING)}
    assert blocks.scale_in(2) == ["1", "2"]
    assert session.ended == ["1", "2"]
    assert blocks.scale_in(0) == []
    assert blocks.scale_out(1) == ["3"]
    blocks.close()
    assert sorted(provider.cancelled) == ["job-0", "job-1", "job-2", "job-3"]
    assert provider.closed


def test_blocks_before_a_refused_one_are_kept() -> None:
    blocks, provider, _ = made(refuse_at=1)
    with pytest.raises(SubmitException, match="full"):
        blocks.scale_out(2)
    blocks.close()
    assert provider.cancelled == ["job-0"]


def test_blocks_whose_end_could_not_be_asked_for_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, provider, session = made()
    blocks.scale_out(2)

    def fail(_jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        raise SubmitException("x", "no connection")

    with monkeypatch.context() as patch:
        patch.setattr(provider, "cancel", fail)
        with pytest.raises(SubmitException, match="no connection"):
            blocks.scale_in(2)
    assert session.ended == []
    with monkeypatch.context() as patch:
        patch.setattr(provider, "cancel", lambda jobs: {job: job == "job-0" for job in jobs})
        assert blocks.scale_in(2) == ["0"]
    assert session.ended == ["0"]
    blocks.close()
    assert provider.cancelled == ["job-1"]


def test_a_provider_that_cannot_cancel_is_released_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    blocks, provider, _ = made()

    def refuse(_jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        raise SubmitException("x", "no connection")

    provider.cancel = refuse
    blocks.scale_out(1)
    blocks.close()
    assert provider.closed
    assert "could not be cancelled" in caplog.text


# --- a high-throughput executor, by hand


@pytest.mark.integration
def test_worker_processes_by_hand(tmp_path: Path) -> None:
    executor = HighThroughputExecutor(max_workers_per_node=1, cores_per_worker=0.1)
    executor.run_dir = tmp_path
    executor.start()
    try:
        assert executor.submit(os.getpid, None).result(timeout=60) != os.getpid()
        futures = [executor.submit(divmod, {"priority": n % 3}, n, 7) for n in range(100)]
        assert [future.result(timeout=60) for future in futures] == [divmod(n, 7) for n in range(100)]
        with pytest.raises(SerializationError, match="argument 0"):
            executor.submit(len, None, threading.Lock())
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, None, 1, 0).result(timeout=60)
        assert executor.outstanding() == 0
        assert executor.connected_blocks() == ["0"]
        assert executor.scale_out(1) == ["1"]
        assert set(executor.status()) == {"0", "1"}
        assert executor.scale_in(1) == ["1"]
    finally:
        assert executor.shutdown(timeout=20)
    assert (tmp_path / executor.label / "interchange.log").exists()
