"""Tasks that do not end in time, whatever they do."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

import parsl_like
from parsl_like import Config, bash_app, python_app
from parsl_like.errors import AppTimeout
from parsl_like.executors import ThreadPoolExecutor
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90


@python_app
def add(x: int, y: int) -> int:
    return x + y


@python_app
def place() -> int:
    import os

    return os.getpid()


def loop() -> None:
    while True:
        pass


def block() -> None:
    """Waits in C, and begins again whatever interrupts it there."""
    import ctypes

    libc = ctypes.PyDLL(None)  # does not even let other threads run
    while True:
        libc.usleep(ctypes.c_uint(500_000_000))


def wait_in_c() -> None:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.sleep(ctypes.c_uint(10_000))


def swallow() -> None:
    import time

    while True:
        try:
            time.sleep(0.01)
        except BaseException:  # noqa: BLE001 - this is what is tested
            continue


def ignore() -> None:
    """Heeds neither an exception nor a polite signal."""
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    swallow()


WAYS = {way.__name__: way for way in (loop, block, wait_in_c, swallow, ignore)}


@pytest.mark.fault(
    "task",
    "exceeds its walltime: in a loop, in C, while it swallows exceptions or ignores SIGTERM",
    "AppTimeout; its worker is replaced where it does not stop; a neighbour is not touched",
    bound=11,
)
@pytest.mark.parametrize("way", WAYS)
def test_python(way: str, run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    function = WAYS[way]

    @python_app
    def stays(walltime: float = 1) -> None:
        function()

    @python_app
    def neighbour(seconds: float) -> tuple[int, int]:
        import os
        import time

        before = os.getpid()
        time.sleep(seconds)
        return before, os.getpid()

    add(0, 0).result(WAIT)
    beside = neighbour(3)
    with stopwatch:
        with pytest.raises(AppTimeout, match="walltime of 1"):
            stays().result(WAIT)
        assert [future.result(WAIT) for future in [add(number, 1) for number in range(20)]] == list(range(1, 21))
    first, last = beside.result(WAIT)
    assert first == last


TREE = """\
leave() {{
    echo $BASHPID >> {path}
    trap '' TERM HUP INT
    exec -a left sleep 10000
}}
leave &
nohup bash -c 'echo $$ >> {path}; exec sleep 10000' > /dev/null 2>&1 &
setsid bash -c 'echo $$ >> {path}; exec sleep 10000' &
timeout 10000 bash -c 'echo $$ >> {path}; exec sleep 10000' &
(setsid nohup bash -c 'echo $$ >> {path}; exec sleep 10000' > /dev/null 2>&1 &)
echo $$ >> {path}
trap '' TERM
while true; do sleep 1; done
"""
"""Six processes: ignoring signals, in sessions and groups of their own, one of them with no living parent."""


@bash_app
def tree(path: str, walltime: float | None = None) -> str:
    return TREE.format(path=path)


def grown(path: Path) -> list[int]:
    """The processes of the tree, once they are all there."""
    processes.until(lambda: path.exists() and path.read_text().count("\n") == 6, WAIT)
    return [int(line) for line in path.read_text().splitlines()]


@pytest.mark.fault(
    "task",
    "a bash app exceeds its walltime with nohup, setsid, timeout and a daemon",
    "AppTimeout; all ended",
    bound=14,
)
@pytest.mark.parametrize("executor", ["htex", "threads"])
def test_bash(executor: str, make_run: Callable[..., DataFlowKernel], tmp_path: Path, stopwatch: Stopwatch) -> None:
    path = tmp_path / "pids"
    if executor == "htex":
        kernel = make_run(workers=1)
    else:
        kernel = parsl_like.load(Config(executors=[ThreadPoolExecutor(max_threads=1)], run_dir=str(tmp_path)))
    with kernel:
        add(0, 0).result(WAIT)
        with stopwatch:
            future = tree(str(path), walltime=4)
            pids = grown(path)
            with pytest.raises(AppTimeout, match="walltime of 4"):
                future.result(WAIT)
            assert processes.wait_for_end(pids, 1) == []
        assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault(
    "task", "the function of a bash app does not return its command line in time", "AppTimeout", bound=11
)
def test_command_line_that_never_comes(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @bash_app
    def never(walltime: float = 1) -> str:
        loop()
        return "true"

    make_run(workers=1)
    add(0, 0).result(WAIT)
    with stopwatch:
        with pytest.raises(AppTimeout, match="walltime of 1"):
            never().result(WAIT)
        assert add(1, 2).result(WAIT) == 3


@pytest.mark.fault(
    "task",
    "does not stop at its walltime on the threads executor",
    "AppTimeout; the thread is counted in status() and replaced",
    bound=11,
)
def test_threads(tmp_path: Path, stopwatch: Stopwatch) -> None:
    released = threading.Event()

    @python_app
    def swallows(walltime: float = 1) -> str:
        while not released.is_set():
            try:
                released.wait(60)
            except BaseException:  # noqa: BLE001 - this is what is tested
                continue
        return "late"

    with parsl_like.load(Config(executors=[ThreadPoolExecutor(max_threads=1)], run_dir=str(tmp_path))) as kernel:
        future = swallows()
        behind = add(1, 2)
        with stopwatch:
            with pytest.raises(AppTimeout, match=r"walltime of 1.*is stuck in it"):
                future.result(WAIT)
            assert behind.result(WAIT) == 3
        assert kernel.status()["executors"]["threads"]["stuck"] == 1
        released.set()
        processes.until(lambda: kernel.status()["executors"]["threads"]["stuck"] == 0, WAIT)
        assert add(2, 2).result(WAIT) == 4
        assert isinstance(future.exception(), AppTimeout)
        assert kernel.summary().states == {"failed": 1, "exec_done": 2}


@pytest.mark.fault("worker", "stopped (SIGSTOP) under a task with a walltime", "AppTimeout; it is replaced", bound=11)
def test_stopped_worker(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    @python_app
    def stops(walltime: float = 1) -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSTOP)

    make_run(workers=1)
    before = place().result(WAIT)
    with stopwatch:
        with pytest.raises(AppTimeout, match="walltime of 1"):
            stops().result(WAIT)
        assert place().result(WAIT) != before


@pytest.mark.fault("worker", "stopped and continued without a walltime", "nothing is lost; it goes on", bound=10)
def test_stopped_and_continued(make_run: Callable[..., DataFlowKernel], stopwatch: Stopwatch) -> None:
    make_run(workers=1, heartbeat_period=1, heartbeat_threshold=5)
    pid = place().result(WAIT)
    os.kill(pid, signal.SIGSTOP)
    futures = [place() for _ in range(50)]
    pause = threading.Event()
    pause.wait(1)
    assert not any(future.done() for future in futures)
    os.kill(pid, signal.SIGCONT)
    with stopwatch:
        assert {future.result(WAIT) for future in futures} == {pid}
