"""A whole kernel on threads: what its callbacks, its closing and its crash must never do is keep anybody waiting."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, as_completed, wait
from typing import Any

import pytest

from parsl_like.config import Config
from parsl_like.core.task import AppSpec
from parsl_like.data_provider.files import File
from parsl_like.data_provider.staging import Staging
from parsl_like.dataflow import closing
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.errors import ConfigurationError, NoDataFlowKernelError
from parsl_like.executors.threads import ThreadPoolExecutor

PATIENCE = 30.0
Submit = Callable[..., Any]


class Taking(Staging):
    """Takes away what tasks make, by tasks of the kernel."""

    def can_stage_out(self, file: File) -> bool:
        return file.scheme == "taken"

    def stage_out(self, dm: Any, executor: str, file: File, app_fu: Future[Any]) -> Future[Any]:
        return dm.dfk.submit(lambda made: made, (app_fu,), executors=[executor])


@pytest.fixture
def kernel() -> Iterator[DataFlowKernel]:
    executor = ThreadPoolExecutor(max_threads=2, storage_access=[Taking()])
    made = DataFlowKernel(Config(executors=[executor], initialize_logging=False))
    yield made
    made.cleanup()


def told(future: Any, ask: Callable[[], Any], go: threading.Event) -> Any:
    """What a callback of a future's gets, if the task waits for ``go``."""
    got: Future[Any] = Future()

    def callback(_: Any) -> None:
        try:
            got.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            got.set_exception(error)

    future.add_done_callback(callback)
    go.set()
    return got.result(PATIENCE)


@pytest.mark.parametrize(
    "ask",
    [
        lambda future: future.result(PATIENCE),
        lambda future: next(as_completed([future], PATIENCE)).result(),
        lambda future: wait([future], PATIENCE).done.pop().result(),
    ],
    ids=["result", "as_completed", "wait"],
)
def test_a_callback_may_wait_for_a_task_that_has_callbacks_too(kernel: DataFlowKernel, ask: Any) -> None:
    gate = threading.Event()
    first = kernel.submit(gate.wait, (PATIENCE,))
    second = kernel.submit(lambda go: "second", (first,))
    second.add_done_callback(lambda _: None)
    assert told(first, lambda: ask(second), gate) == "second"


def test_a_callback_may_wait_for_a_join(kernel: DataFlowKernel) -> None:
    gate, go = threading.Event(), threading.Event()
    inner = AppSpec("inner", lambda: gate.wait(PATIENCE))
    join = AppSpec("join", lambda: kernel.submit_call(inner, (), {}), join=True)

    def ask() -> Any:
        future = kernel.submit_call(join, (), {})
        while future.task_status() != "joining":
            threading.Event().wait(0.001)
        kernel._loop.call(lambda: None)  # by now the inner future is being watched
        gate.set()
        return future.result(PATIENCE)

    assert told(kernel.submit(go.wait, (PATIENCE,)), ask, go) is True


def test_a_callback_may_wait_for_a_file(kernel: DataFlowKernel) -> None:
    go = threading.Event()
    first = kernel.submit(go.wait, (PATIENCE,))

    def ask() -> Any:
        return (
            kernel.submit(lambda outputs: None, app_kwargs={"outputs": [File("out.csv")]}).outputs[0].result(PATIENCE)
        )

    assert told(first, ask, go) == File("out.csv")


def test_a_callback_that_blocks_holds_up_no_dependent(kernel: DataFlowKernel) -> None:
    gate, blocked, go = threading.Event(), threading.Event(), threading.Event()
    first = kernel.submit(go.wait, (PATIENCE,))
    first.add_done_callback(lambda _: (blocked.set(), gate.wait(PATIENCE)))
    go.set()
    assert blocked.wait(PATIENCE)
    go.clear()
    second = kernel.submit(lambda outputs: go.wait(PATIENCE), app_kwargs={"outputs": [File("out.csv")]})
    third = kernel.submit(lambda inputs: "made", app_kwargs={"inputs": second.outputs})
    go.set()
    try:
        assert third.result(PATIENCE) == "made"
    finally:
        gate.set()


def test_a_transfer_may_wait_for_the_task_whose_file_it_takes_away(kernel: DataFlowKernel) -> None:
    for _ in range(20):  # the transfer is posted before its task; how far the kernel has come by then varies
        future = kernel.submit(lambda outputs: "value", app_kwargs={"outputs": [File("taken://host/file")]})
        assert future.outputs[0].result(PATIENCE) == File("taken://host/file")


def test_a_task_that_slips_in_while_the_kernel_closes_is_ended(kernel: DataFlowKernel) -> None:
    """It was accepted before the kernel closed, and is handed over at the worst of all moments."""
    gate = threading.Event()
    for moment in ("after the cancelling", "after the end"):
        ending = DataFlowKernel(Config(executors=[ThreadPoolExecutor(max_threads=1)], initialize_logging=False))
        late: list[Any] = []
        step = "_stop_loop" if moment == "after the cancelling" else "_write_summary"
        real = getattr(ending._closing, step)

        def slip_in(deadline: float, ending: Any = ending, late: Any = late, real: Any = real) -> None:
            spec = AppSpec("late", gate.wait)
            late.append(ending.submission.submit(spec, (PATIENCE,), {}))
            if ending._loop.alive:
                ending._loop.call(lambda: None)  # it has been launched by now
            gate.set()
            real(deadline)

        setattr(ending._closing, step, slip_in)
        ending.cleanup()
        assert late[0].cancelled(), moment


def test_what_runs_on_a_thread_when_the_kernel_closes_comes_to_its_end(kernel: DataFlowKernel) -> None:
    gate, begun = threading.Event(), threading.Event()

    def runs() -> str:
        begun.set()
        return "over" if gate.wait(PATIENCE) else ""

    running = kernel.submit(runs)
    assert begun.wait(PATIENCE)
    waiting = kernel.submit(lambda _: None, (running,))
    waiting.add_done_callback(lambda _: gate.set())
    kernel.cleanup()
    assert running.result(0) == "over"
    assert waiting.cancelled()


def test_what_comes_to_no_end_is_canceled_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "CLEANUP_SECONDS", 0.2)
    kernel = DataFlowKernel(Config(executors=[ThreadPoolExecutor(max_threads=2)], initialize_logging=False))
    gate, begun, cleaned = threading.Event(), threading.Event(), threading.Event()

    def runs() -> None:
        begun.set()
        gate.wait(PATIENCE)

    def cleans() -> None:
        kernel.cleanup()
        cleaned.set()

    running = kernel.submit(runs)
    assert begun.wait(PATIENCE)
    from_a_task = kernel.submit(cleans)
    assert cleaned.wait(PATIENCE)
    assert running.cancelled()
    assert from_a_task.done()
    gate.set()


def test_a_callback_that_blocks_keeps_nobody_from_closing_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "CLEANUP_SECONDS", 0.1)
    kernel = DataFlowKernel(Config(executors=[ThreadPoolExecutor(max_threads=1)], initialize_logging=False))
    gate, blocked, go = threading.Event(), threading.Event(), threading.Event()

    def callback(_: Any) -> None:
        blocked.set()
        gate.wait(PATIENCE)

    first = kernel.submit(go.wait, (PATIENCE,))
    first.add_done_callback(callback)
    second = kernel.submit(lambda _: None, (first,))
    second.add_done_callback(callback)
    go.set()
    assert blocked.wait(PATIENCE)
    kernel.cleanup()
    assert not gate.is_set()
    assert second.done()
    gate.set()


def test_after_a_crash_every_task_ends_whatever_its_callbacks_do(
    kernel: DataFlowKernel, caplog: pytest.LogCaptureFixture
) -> None:
    gate = threading.Event()
    running = [kernel.submit(gate.wait, (PATIENCE,)) for _ in range(2)]
    got: list[Any] = []
    running[0].add_done_callback(lambda _: got.append(running[1].exception(PATIENCE)))
    kernel._loop.call(lambda: None)
    kernel._loop.post((99, 0, None))  # no such event: the owner thread ends
    kernel._loop.post((9, 0, None))
    try:
        for future in running:
            assert future.exception(PATIENCE) is not None
        late = kernel.submission.submit(AppSpec("late", len), ("",), {})
        assert late.exception(PATIENCE) is running[0].exception(0)
        with pytest.raises(NoDataFlowKernelError):
            kernel.submit(len, ("",))
        assert running[0].cancel() is False
    finally:
        gate.set()
    assert "owner thread crashed" in caplog.text


def test_a_label_is_given_to_one_executor_only(kernel: DataFlowKernel) -> None:
    session = kernel.executors["threads"]
    with pytest.raises(ConfigurationError, match="threads"):
        kernel.add_executors([ThreadPoolExecutor(label="threads")])
    assert kernel.executors["threads"] is session


def test_nothing_is_added_to_a_closed_kernel(kernel: DataFlowKernel) -> None:
    kernel.cleanup()
    with pytest.raises(NoDataFlowKernelError):
        kernel.add_executors([ThreadPoolExecutor(label="more")])


def test_an_executor_that_was_added_is_let_go_of_at_the_end(kernel: DataFlowKernel) -> None:
    more = ThreadPoolExecutor(label="more")
    kernel.add_executors([more])
    assert more.live_session() is kernel.executors["more"]
    kernel.cleanup()
    with pytest.raises(ConfigurationError, match="no run"):
        more.live_session()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_that_nobody_runs_its_tasks(kernel: DataFlowKernel) -> None:
    child = os.fork()
    if child == 0:
        try:
            kernel.submit(len, ("",))
        except NoDataFlowKernelError as error:
            os._exit(0 if "fork" in str(error) else 2)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert kernel.submit(len, ("",)).result(PATIENCE) == 0


def test_an_empty_machine_keeps_no_room_for_the_tasks_it_had(kernel: DataFlowKernel) -> None:
    empty = kernel.machine.rows.__sizeof__()
    for future in [kernel.submit(int) for _ in range(2000)]:
        future.result(PATIENCE)
    kernel.wait_for_current_tasks()
    assert kernel.machine.rows.__sizeof__() <= max(empty, 256)


def test_who_waits_for_all_tasks_waits_for_their_callbacks(kernel: DataFlowKernel) -> None:
    for _ in range(50):
        gate, called = threading.Event(), []
        futures = [kernel.submit(gate.wait, (PATIENCE,)) for _ in range(4)]
        for future in futures:
            future.add_done_callback(called.append)
        threading.Timer(0.001, gate.set).start()
        kernel.wait_for_current_tasks()
        assert len(called) == 4
