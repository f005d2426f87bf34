"""The end of a kernel: every future ends, and then everything else, however little it wants to."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import parsl_like
from parsl_like import Config, bash_app, join_app, python_app
from parsl_like.errors import NoDataFlowKernelError
from tests.faults import processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import AppFuture
    from tests.conftest import Stopwatch

WAIT = 90
SCRIPTS = Path(__file__).parent / "scripts"


@python_app
def add(x: int, y: int) -> int:
    return x + y


@python_app
def deaf(path: str) -> None:
    """Never ends by itself, nor when it is asked to."""
    import os
    import signal
    import time

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with open(f"{path}/{os.getpid()}", "w"):
        while True:
            time.sleep(1)


@bash_app
def deaf_tree(path: str) -> str:
    return f"trap '' TERM HUP INT; sleep 1000 & setsid sleep 1000 & touch {path}/$$; sleep 1000; sleep 1000; wait"


@join_app
def joining(inner: Any) -> Any:
    return inner


def one_of_each(place: Path) -> list[AppFuture[Any]]:
    """Tasks that run, that are queued, that wait for others, and that are joining."""
    place.mkdir()
    running = [deaf(str(place)), deaf_tree(str(place))]
    processes.until(lambda: len(list(place.iterdir())) == 2, WAIT)
    queued = [add(number, 1) for number in range(100)]
    waiting = [add(queued[0], 1), add(running[0], 1)]
    join = joining.func  # the body, so that the inner future is not waited for before
    joins = [join_app(lambda: join(running[0]))(), join_app(lambda: [*queued, running[1]])()]
    processes.until(lambda: all(each.task_status() == "joining" for each in joins), WAIT)
    return [*running, *queued, *waiting, *joins, joining(waiting[0])]


def all_cancelled(futures: list[AppFuture[Any]]) -> bool:
    return all(future.done() and future.cancelled() for future in futures)


@pytest.mark.fault(
    "driver", "cleanup with tasks that run, wait, join, and ignore SIGTERM", "all are cancelled and gone", bound=30
)
def test_every_future_ends(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    futures = one_of_each(tmp_path / "tasks")
    others = [pid for role in processes.MODULES for pid in processes.of(role)]
    with stopwatch:
        run.cleanup()
        assert all_cancelled(futures)
        assert processes.wait_for_end(others, 0) == []
    with pytest.raises(CancelledError):
        futures[0].result()
    with pytest.raises(NoDataFlowKernelError):
        add(1, 2)
    with pytest.raises(NoDataFlowKernelError, match="after the kernel had been cleaned up"):
        run.submit(len, ["abc"])


@pytest.mark.fault("driver", "cleanup while one of its processes is stopped", "it is killed", bound=30)
@pytest.mark.parametrize("role", ["worker", "manager", "interchange"])
def test_with_a_stopped_process(
    run: DataFlowKernel, tmp_path: Path, role: processes.Role, stopwatch: Stopwatch
) -> None:
    futures = one_of_each(tmp_path / "tasks")
    others = [pid for each in processes.MODULES for pid in processes.of(each)]
    for pid in processes.of(role):
        os.kill(pid, signal.SIGSTOP)
    with stopwatch:
        run.cleanup()
        assert all_cancelled(futures)
        assert processes.wait_for_end(others, 5) == []


@pytest.mark.fault("driver", "cleanup while everything is stopped", "it is killed", bound=30)
def test_with_all_processes_stopped(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    futures = one_of_each(tmp_path / "tasks")
    others = [pid for role in processes.MODULES for pid in processes.of(role)]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    with stopwatch:
        run.cleanup()
        assert all_cancelled(futures)
        assert processes.wait_for_end(others, 5) == []


@pytest.mark.fault(
    "driver", "cleanup with tasks on threads that do not end", "futures end, the threads are left", bound=30
)
def test_with_threads_that_are_stuck(tmp_path: Path, stopwatch: Stopwatch) -> None:
    gate = threading.Event()
    began = threading.Semaphore(0)

    @python_app
    def stuck() -> None:
        began.release()
        gate.wait()

    kernel = parsl_like.load(Config(run_dir=str(tmp_path / "runinfo")))
    futures = [stuck() for _ in range(5)]
    for _ in range(2):
        began.acquire()
    with stopwatch:
        parsl_like.clear()
        assert all_cancelled(futures)
    assert kernel.cleanup_called
    gate.set()


@pytest.mark.fault(
    "driver", "cleanup twice, and from 20 threads at once", "it is done once, and over for all", bound=30
)
def test_from_several_threads_at_once(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    futures = one_of_each(tmp_path / "tasks")
    others = [pid for role in processes.MODULES for pid in processes.of(role)]
    together = threading.Barrier(20)

    def clean_up(number: int) -> bool:
        together.wait()
        parsl_like.clear() if number % 2 else run.cleanup()
        return all_cancelled(futures) and not processes.alive(others)

    with stopwatch, ThreadPoolExecutor(20) as pool:
        assert all(pool.map(clean_up, range(20)))
    run.cleanup()
    parsl_like.clear()


@pytest.mark.fault(
    "driver", "tasks are submitted by threads during a cleanup", "an error at once, or cancelled", bound=30
)
def test_submitting_meanwhile(run: DataFlowKernel, stopwatch: Stopwatch) -> None:
    futures: list[list[AppFuture[int]]] = [[] for _ in range(4)]

    def submit(mine: list[AppFuture[int]]) -> bool:
        try:
            while True:
                mine.append(add(1, 2))
        except NoDataFlowKernelError:
            return True

    with ThreadPoolExecutor(4) as pool:
        ends = [pool.submit(submit, mine) for mine in futures]
        processes.until(lambda: all(len(mine) > 100 for mine in futures), WAIT)
        with stopwatch:
            run.cleanup()
            assert all(end.result(WAIT) for end in ends)
            assert all(future.done() for mine in futures for future in mine)
    assert {future.cancelled() or future.result() == 3 for mine in futures for future in mine} == {True}


@pytest.mark.fault("driver", "cleanup is called in a callback", "it is done all the same", bound=30)
def test_in_a_callback(run: DataFlowKernel, tmp_path: Path, stopwatch: Stopwatch) -> None:
    futures = one_of_each(tmp_path / "tasks")
    over = threading.Event()

    def clean_up(_future: object) -> None:
        run.cleanup()
        over.set()

    futures[-1].add_done_callback(clean_up)
    with stopwatch:
        futures[-1].cancel()
        assert over.wait(stopwatch.limit)
        assert all_cancelled(futures)


# --- forks


@pytest.mark.fault(
    "driver",
    "forks (sys.exit, os._exit, an exception, multiprocessing) in the program",
    "the run goes on",
    bound=30,
)
def test_forks(tmp_path: Path, stopwatch: Stopwatch) -> None:
    with stopwatch:
        done = subprocess.run(
            [sys.executable, SCRIPTS / "forks.py"],
            capture_output=True,
            text=True,
            timeout=stopwatch.limit,
            cwd=tmp_path,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "sys.exit: 3, then 3",
        "os._exit: 4, then 3",
        "exception: 1, then 3",
        "app: refused, then 3",
        "result: refused, then 3",
        "wait_for_current_tasks: refused, then 3",
        "cleanup: nothing, then 3",
        "load: 5, then 3",
        "killed: 143, then 3",
        "multiprocessing: [0, 1, 4], then 3",
    ], done.stderr


# --- again and again


def footprint() -> tuple[int, int, int, int]:
    """Threads, descriptors, children and memory of this process."""
    gc.collect()
    me = psutil.Process()
    return threading.active_count(), me.num_fds(), len(me.children(recursive=True)), me.memory_info().rss


@pytest.mark.fault("driver", "load and clear 20 times", "threads, descriptors and memory are as before")
def test_load_and_clear_again_and_again(make_config: Callable[[], Config], stopwatch: Stopwatch) -> None:
    def once() -> None:
        parsl_like.load(make_config())
        assert [future.result(WAIT) for future in [add(number, 1) for number in range(50)]] == list(range(1, 51))
        parsl_like.clear()

    for _ in range(3):  # what is imported and cached stays
        once()
    before = footprint()
    with stopwatch:
        for _ in range(20):
            once()
    after = footprint()
    assert after[:3] == before[:3]
    assert after[3] - before[3] < 20 * 200_000, "200 kB for each load"


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[[], Config]:
    from tests.faults.conftest import local_config

    return lambda: local_config(tmp_path / "runinfo", workers=1)


@pytest.mark.fault("driver", "20 programs begin at once in one run_dir", "each gets a directory of its own", bound=60)
def test_many_at_once(tmp_path: Path, stopwatch: Stopwatch) -> None:
    words = [sys.executable, str(SCRIPTS / "beginner.py"), str(tmp_path / "gate"), str(tmp_path / "runinfo")]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path) for _ in range(20)]
    outputs = []
    try:
        for each in started:
            assert each.stdout is not None
            outputs.append(each.stdout)
            assert each.stdout.readline() == "ready\n"
        with stopwatch:
            (tmp_path / "gate").touch()
            found = sorted(output.read().strip() for output in outputs)
            assert [each.wait(WAIT) for each in started] == [0] * 20
    finally:
        for each, output in zip(started, outputs, strict=False):
            output.close()
            each.kill()
            each.wait()
    assert found == [str(tmp_path / "runinfo" / f"{number:03}") for number in range(20)]
    assert os.readlink(tmp_path / "runinfo" / "latest") in {f"{number:03}" for number in range(20)}
