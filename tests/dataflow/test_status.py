"""The health of a run, asked of real kernels that run threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import Config, ThreadPoolExecutor, join_app, python_app
from parsl_like.dataflow.status import LOOKED_AT, NAMED, SHOWN

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel

PATIENCE = 30.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Tasks wait for it."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def kernel(gate: threading.Event) -> Iterator[DataFlowKernel]:
    yield parsl_like.load(Config(executors=[ThreadPoolExecutor(max_threads=20)], run_dir="runs"))
    gate.set()
    parsl_like.clear()


@python_app
def wait_for(event: threading.Event, *needs: Any) -> bool:
    return event.wait(PATIENCE)


@python_app
def now() -> int:
    return 1


@join_app
def both(futures: list[Any]) -> list[Any]:
    return futures


def test_the_tasks_that_take_longest_and_what_they_wait_for(kernel: DataFlowKernel, gate: threading.Event) -> None:
    running = [wait_for(gate) for _ in range(SHOWN + 1)]
    foreign: Future[int] = Future()
    waiting = wait_for(gate, *running, *[wait_for(gate) for _ in range(NAMED)], foreign)
    joining = both([waiting, now()])
    kernel._loop.call(lambda: None)
    _until_joining(kernel)
    oldest = kernel.status()["tasks"]["oldest"]
    assert [each["task"] for each in oldest["launched"]] == [0, 1, 2]
    first = oldest["launched"][0]
    assert (first["app"], first["executor"], first["try"], first["losses"]) == ("wait_for", "threads", 0, 0)
    assert first["waits_for"] == []
    assert kernel.time_began.timestamp() <= first["since"]
    (pending,) = oldest["pending"]
    assert pending["task"] == waiting.tid
    assert pending["waits_for"] == [*(f"task {n} (wait_for)" for n in range(NAMED)), "5 more"]
    (join,) = oldest["joining"]
    assert join["waits_for"] == [f"task {waiting.tid} (wait_for)"]
    gate.set()
    foreign.set_result(1)
    assert joining.result(PATIENCE) == [True, 1]
    assert kernel.status()["tasks"]["oldest"] == {}


def _until_joining(kernel: DataFlowKernel) -> None:
    pause = threading.Event()
    while (
        "joining" not in kernel.status()["tasks"]["states"] or kernel.status()["tasks"]["states"].get("exec_done") != 1
    ):
        pause.wait(0.01)


def test_a_future_of_others_is_waited_for(kernel: DataFlowKernel, gate: threading.Event) -> None:
    foreign: Future[int] = Future()
    waiting = wait_for(gate, foreign)
    kernel._loop.call(lambda: None)
    (pending,) = kernel.status()["tasks"]["oldest"]["pending"]
    assert pending["waits_for"] == ["1 future(s) of others"]
    joining = both([foreign])
    pause = threading.Event()
    while "joining" not in kernel.status()["tasks"]["oldest"]:
        pause.wait(0.01)
    assert kernel.status()["tasks"]["oldest"]["joining"][0]["waits_for"] == ["a future of others"]
    foreign.set_result(1)
    gate.set()
    assert (waiting.result(PATIENCE), joining.result(PATIENCE)) == (True, [1])


def test_only_so_many_tasks_are_looked_at(kernel: DataFlowKernel, gate: threading.Event) -> None:
    first = wait_for(gate)
    for _ in range(LOOKED_AT + 10):
        wait_for(gate, first)
    oldest = kernel.status()["tasks"]["oldest"]
    assert [each["task"] for each in oldest["pending"]] == [1, 2, 3]


def test_a_callback_that_does_not_return_is_seen(kernel: DataFlowKernel, gate: threading.Event) -> None:
    begun = threading.Event()

    def block(_: Any) -> None:
        begun.set()
        gate.wait(PATIENCE)

    release = threading.Event()
    future = wait_for(release)
    future.add_done_callback(block)  # before the end, or it would run here
    release.set()
    assert begun.wait(PATIENCE)
    completion = kernel.status()["threads"]["completion"]
    assert (completion["busy"], completion["with"]) == (True, f"task {future.tid} (wait_for)")
    assert kernel.time_began.timestamp() <= completion["since"]
    assert kernel.status()["threads"]["prepare"]["since"] is None
    kernel._completion.busy_since -= 20
    (note,) = kernel.summary().notes
    assert note.startswith(f"callbacks: a callback of task {future.tid} (wait_for) has not returned since ")
    gate.set()


def test_an_executor_that_cannot_say_how_it_is_does_not_hide_the_others(
    kernel: DataFlowKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(kernel.executors["threads"], "load", fail)
    executors = kernel.status()["executors"]
    assert executors["threads"]["error"] == "it cannot say how it is: RuntimeError('out of order')"
    assert executors["_parsl_internal"]["slots"] == 10
    assert "out of order" in kernel.summary().notes[0]


def test_where_all_is_well_the_end_is_silent(
    kernel: DataFlowKernel, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert now().result(PATIENCE) == 1
    parsl_like.clear()
    assert (kernel.summary().notes, kernel.summary().troubles) == ((), ())
    assert capfd.readouterr().err == ""
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def test_what_went_wrong_is_told_at_the_end_and_stays_in_the_summary(
    kernel: DataFlowKernel, capfd: pytest.CaptureFixture[str]
) -> None:
    kernel.machine.losses = 2
    kernel.log_task_states()
    assert capfd.readouterr().err == ""
    parsl_like.clear()
    line = "tasks: 2 losses: so often a task was lost together with the place where it ran"
    assert kernel.summary().notes == (line,)
    (trouble,) = kernel.summary().troubles
    assert (trouble["where"], trouble["kind"], trouble["count"]) == ("tasks", "losses", 2)
    told = capfd.readouterr().err
    assert told.splitlines() == [
        "parsl_like: not all went well in this run:",
        f"  {line}",
        f"  More is in {kernel.run_dir}.",
    ]
    with open(os.path.join(kernel.run_dir, "parsl_like.log"), encoding="utf-8") as log:
        assert f"WARNING: {line}" in log.read()
