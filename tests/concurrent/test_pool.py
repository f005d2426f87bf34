"""What the standard library's documentation says of executors holds of ours, on threads and on worker processes."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    CancelledError,
    Executor,
    Future,
    as_completed,
    wait,
)
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import bash_app, join_app, python_app
from parsl_like.concurrent import ParslPoolExecutor
from parsl_like.concurrent.pool import APPS_KEPT
from parsl_like.config import Config
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.loader import DataFlowKernelLoader
from parsl_like.errors import ConfigurationError, NoDataFlowKernelError
from parsl_like.executors import ThreadPoolExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.dataflow.futures import AppFuture

PATIENCE = 60.0
ROOT = Path(__file__).resolve().parents[2]


def double(n: int) -> int:
    return 2 * n


def add(a: int, b: int = 0) -> int:
    return a + b


def fails(message: str) -> None:
    raise ValueError(message)


def reciprocal(n: int) -> float:
    return 1 / n


class Counter:
    """Counts where it is called; what it has counted is its state."""

    def __init__(self) -> None:
        self.count = 0

    def total(self, n: int) -> int:
        return self.count + n

    def __call__(self, n: int) -> int:
        return self.count * n


# --- submit


def test_it_is_an_executor_of_the_standard_library(pool: ParslPoolExecutor) -> None:
    future = pool.submit(pow, 323, 1235)
    assert isinstance(pool, Executor)
    assert isinstance(future, Future)
    assert future.result(PATIENCE) == 323**1235


def test_arguments_are_passed_by_position_and_by_name(pool: ParslPoolExecutor) -> None:
    assert pool.submit(add, 1, b=2).result(PATIENCE) == 3
    assert pool.submit(dict, fn=1, self=2).result(PATIENCE) == {"fn": 1, "self": 2}


def test_what_a_call_raises_is_what_its_future_raises(pool: ParslPoolExecutor) -> None:
    future = pool.submit(fails, "no")
    with pytest.raises(ValueError, match="no"):
        future.result(PATIENCE)
    assert isinstance(future.exception(), ValueError)


def test_callbacks_get_the_future(pool: ParslPoolExecutor) -> None:
    called: Future[Any] = Future()
    future = pool.submit(double, 1)
    future.add_done_callback(called.set_result)
    assert called.result(PATIENCE) is future


@pytest.mark.parametrize("fn", [partial(add, 1), partial(partial(add), b=1), lambda n: n + 1, (1).__add__])
def test_every_callable_can_be_submitted(pool: ParslPoolExecutor, fn: Callable[[int], int]) -> None:
    assert pool.submit(fn, 2).result(PATIENCE) == 3


def test_what_cannot_be_called_is_refused_at_once(pool: ParslPoolExecutor) -> None:
    with pytest.raises(TypeError, match="3 cannot be called"):
        pool.submit(3)  # type: ignore[arg-type]


def test_a_method_sees_its_object_as_it_is_at_the_call(pool: ParslPoolExecutor) -> None:
    counter = Counter()
    results = []
    for counter.count in (1, 2, 3):
        results.append((pool.submit(counter.total, 10).result(PATIENCE), pool.submit(counter, 10).result(PATIENCE)))
    assert results == [(11, 10), (12, 20), (13, 30)]


def test_keywords_of_apps_mean_what_they_mean_for_apps(pool: ParslPoolExecutor, gate: Any) -> None:
    assert pool.submit(double, 1, parsl_resource_specification={"priority": 1}).result(PATIENCE) == 2  # type: ignore[call-arg]
    assert pool.submit(partial(add, 1), 1, parsl_resource_specification={}).result(PATIENCE) == 2  # type: ignore[call-arg]


def test_a_future_is_waited_for_as_an_argument(pool: ParslPoolExecutor) -> None:
    one = pool.submit(double, 1)
    assert pool.submit(add, one, b=pool.submit(double, one)).result(PATIENCE) == 6  # type: ignore[arg-type]


def test_an_unknown_label_is_told_at_the_call(kernel: DataFlowKernel) -> None:
    with (
        ParslPoolExecutor(dfk=kernel, executors=["nowhere"]) as pool,
        pytest.raises(ConfigurationError, match="nowhere"),
    ):
        pool.submit(double, 1)


# --- cancelling


def test_a_call_that_waits_can_be_cancelled(pool: ParslPoolExecutor) -> None:
    never: Future[int] = Future()
    future = pool.submit(double, never)  # type: ignore[arg-type]
    assert future.cancel()
    assert future.cancelled()
    assert future.done()
    with pytest.raises(CancelledError):
        future.result(PATIENCE)


def test_a_call_that_has_ended_cannot(pool: ParslPoolExecutor) -> None:
    future = pool.submit(double, 1)
    future.result(PATIENCE)
    assert not future.cancel()
    assert not future.cancelled()


# --- map


def test_map_gives_results_in_the_order_of_the_items(pool: ParslPoolExecutor) -> None:
    assert list(pool.map(pow, range(10), range(10))) == list(map(pow, range(10), range(10)))
    assert list(pool.map(add, [1, 2, 3], [10, 20])) == [11, 22]
    assert list(pool.map(double, [])) == []


@pytest.mark.parametrize("chunksize", [1, 2, 3, 100])
def test_map_in_chunks_gives_the_same(pool: ParslPoolExecutor, chunksize: int) -> None:
    assert list(pool.map(add, range(7), range(7), chunksize=chunksize)) == [2 * n for n in range(7)]
    assert list(pool.map(partial(add, 1), range(7), chunksize=chunksize)) == [1 + n for n in range(7)]


def test_chunks_are_tasks(kernel: DataFlowKernel, pool: ParslPoolExecutor) -> None:
    before = kernel.task_count
    assert list(pool.map(double, range(10), chunksize=4)) == [2 * n for n in range(10)]
    assert kernel.task_count - before == 3


def test_futures_among_the_items_are_waited_for(pool: ParslPoolExecutor) -> None:
    futures = [pool.submit(double, n) for n in range(5)]
    assert list(pool.map(double, futures)) == [4 * n for n in range(5)]
    assert list(pool.map(double, futures, chunksize=2)) == [4 * n for n in range(5)]


def test_map_raises_where_the_call_that_raised_would_be(own_pool: ParslPoolExecutor) -> None:
    results = own_pool.map(reciprocal, [1, 2, 0, 4])
    assert [next(results), next(results)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_map_reads_and_submits_at_once(kernel: DataFlowKernel, pool: ParslPoolExecutor) -> None:
    before, items = kernel.task_count, iter(range(5))
    pool.map(double, items)
    assert next(items, None) is None
    assert kernel.task_count - before == 5


@pytest.mark.parametrize("buffersize", [1, 2, 5])
def test_a_buffer_limits_how_far_ahead_items_are_read(own_pool: ParslPoolExecutor, buffersize: int) -> None:
    items = itertools.count()
    results = own_pool.map(double, items, buffersize=buffersize)
    assert next(items) == buffersize
    assert next(results) == 0
    assert next(items) == buffersize + 2  # one of them was taken by the line before


def test_with_a_buffer_the_items_may_be_endless(own_pool: ParslPoolExecutor) -> None:
    results = own_pool.map(double, itertools.count(), buffersize=3)
    assert list(itertools.islice(results, 10)) == [2 * n for n in range(10)]
    chunked = own_pool.map(double, itertools.count(), buffersize=2, chunksize=3)
    assert list(itertools.islice(chunked, 10)) == [2 * n for n in range(10)]
    assert list(own_pool.map(double, range(5), buffersize=2)) == [2 * n for n in range(5)]
    assert list(own_pool.map(double, range(2), buffersize=5)) == [0, 2]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"buffersize": 0}, ValueError, "buffersize must be None or > 0"),
        ({"buffersize": -1}, ValueError, "buffersize must be None or > 0"),
        ({"buffersize": 1.0}, TypeError, "buffersize must be an integer or None"),
        ({"buffersize": "1"}, TypeError, "buffersize must be an integer or None"),
        ({"chunksize": 0}, ValueError, "chunksize must be >= 1"),
        ({"chunksize": -1}, ValueError, "chunksize must be >= 1"),
    ],
)
def test_map_refuses_at_once_what_cannot_be_meant(
    pool: ParslPoolExecutor, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        pool.map(double, [1], **options)


def test_map_waits_no_longer_than_it_may(own_pool: ParslPoolExecutor, gate: Any) -> None:
    results = own_pool.map(gate.passing, [1], timeout=0.1)
    with pytest.raises(TimeoutError):
        next(results)


def test_the_time_of_map_counts_from_its_call(pool: ParslPoolExecutor, gate: Any) -> None:
    results = pool.map(gate.passing, [1, 2], timeout=PATIENCE)
    gate.open()
    assert list(results) == [1, 2]


@pytest.mark.parametrize("chunksize", [1, 2])
def test_an_iterator_that_is_closed_cancels_what_has_not_ended(
    kernel: DataFlowKernel, pool: ParslPoolExecutor, chunksize: int
) -> None:
    never: Future[int] = Future()
    done: Future[int] = Future()
    done.set_result(1)
    pending = set(pool._pending)
    results: Any = pool.map(double, [done, done, never, never], chunksize=chunksize)
    waiting = max(pool._pending - pending, key=lambda future: future.tid)
    assert [next(results), next(results)] == [2, 2]
    results.close()
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)


# --- waiting for several


def test_wait_for_all_for_the_first_and_for_the_first_error(pool: ParslPoolExecutor, gate: Any) -> None:
    late = pool.submit(gate.passing)
    early = pool.submit(double, 1)
    done, pending = wait([late, early], PATIENCE, FIRST_COMPLETED)
    assert (done, pending) == ({early}, {late})
    bad = pool.submit(fails, "no")
    done, pending = wait([late, bad], PATIENCE, FIRST_EXCEPTION)
    assert (done, pending) == ({bad}, {late})
    done, pending = wait([late, early], 0.01)
    assert (done, pending) == ({early}, {late})
    gate.open()
    assert wait([late, early, bad], PATIENCE, ALL_COMPLETED) == ({late, early, bad}, set())


def test_as_completed(pool: ParslPoolExecutor, gate: Any) -> None:
    late = pool.submit(gate.passing, "late")
    others = [pool.submit(double, n) for n in range(3)]
    ended = as_completed([late, *others], PATIENCE)
    assert {next(ended) for _ in range(3)} == set(others)
    gate.open()
    assert next(ended) is late
    with pytest.raises(TimeoutError):
        next(as_completed([pool.submit(double, Future())], 0.01))  # type: ignore[arg-type]


# --- shutting down


def test_leaving_the_block_waits_for_every_call(kernel: DataFlowKernel, gate: Any) -> None:
    threading.Timer(0.2, gate.open).start()
    with ParslPoolExecutor(dfk=kernel) as pool:
        futures = [pool.submit(gate.passing, n) for n in range(3)]
    assert [future.done() for future in futures] == [True] * 3
    assert [future.result() for future in futures] == [0, 1, 2]


@pytest.mark.parametrize("use", [lambda pool: pool.submit(double, 1), lambda pool: pool.map(double, [1])])
def test_after_shutdown_there_are_no_new_calls(kernel: DataFlowKernel, use: Callable[[Any], Any]) -> None:
    pool = ParslPoolExecutor(dfk=kernel)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        use(pool)
    with pool, pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        use(pool)
    pool.shutdown(wait=False)
    pool.shutdown(cancel_futures=True)


def test_a_kernel_that_was_lent_stays_open(kernel: DataFlowKernel) -> None:
    with ParslPoolExecutor(dfk=kernel) as pool:
        assert pool.dfk is kernel
    assert kernel.is_open
    assert ParslPoolExecutor(dfk=kernel).submit(double, 2).result(PATIENCE) == 4


def test_not_waiting_comes_back_at_once_and_the_calls_end_all_the_same(kernel: DataFlowKernel, gate: Any) -> None:
    pool = ParslPoolExecutor(dfk=kernel)
    future = pool.submit(gate.passing, "value")
    pool.shutdown(wait=False)
    assert not future.done()
    gate.open()
    assert future.result(PATIENCE) == "value"


def test_cancelling_at_shutdown_leaves_nothing_waiting(kernel: DataFlowKernel, gate: Any) -> None:
    pool = ParslPoolExecutor(dfk=kernel)
    done = pool.submit(double, 1)
    done.result(PATIENCE)
    needed = [pool.submit(double, Future()) for _ in range(3)]  # type: ignore[arg-type]
    chained = pool.submit(add, *needed[:2])  # type: ignore[arg-type]
    pool.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in [*needed, chained])
    assert done.result() == 2


def test_on_threads_what_has_begun_is_not_cancelled(tmp_path: Path, gate: Any) -> None:
    with DataFlowKernel(Config([ThreadPoolExecutor(max_threads=1)], run_dir=str(tmp_path / "runs"))) as kernel:
        pool = ParslPoolExecutor(dfk=kernel)
        begun = pool.submit(gate.passing, "value")
        gate.wait_for_callers(1)
        waiting = [pool.submit(double, n) for n in range(10)]
        pool.shutdown(wait=False, cancel_futures=True)
        assert [future.cancelled() for future in [begun, *waiting]] == [False, *[True] * 10]
        gate.open()
        assert begun.result(PATIENCE) == "value"


def test_calls_made_while_another_thread_shuts_down_end_or_are_refused(kernel: DataFlowKernel) -> None:
    pool = ParslPoolExecutor(dfk=kernel)
    futures: list[AppFuture[int]] = []
    refused = threading.Event()

    def submit() -> None:
        try:
            while True:
                futures.append(pool.submit(double, 1))
        except RuntimeError:
            refused.set()

    thread = threading.Thread(target=submit)
    thread.start()
    while len(futures) < 50:
        pass
    pool.shutdown()
    assert refused.wait(PATIENCE)
    thread.join(PATIENCE)
    assert [future.result(PATIENCE) for future in futures] == [2] * len(futures)


# --- a kernel of its own


def test_a_pool_with_a_configuration_has_a_kernel_of_its_own(make_config: Callable[[], Config]) -> None:
    with ParslPoolExecutor(config=make_config()) as pool:
        kernel = pool.dfk
        assert kernel.is_open
        future = pool.submit(double, 1)
    assert future.result() == 2
    assert kernel.cleanup_called
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(double, 1)


def test_the_kernel_starts_with_the_first_call_if_the_pool_is_not_entered(tmp_path: Path) -> None:
    pool = ParslPoolExecutor(Config(run_dir=str(tmp_path)))
    assert list(tmp_path.iterdir()) == []
    assert pool.submit(double, 1).result(PATIENCE) == 2
    pool.shutdown()
    assert pool.dfk.cleanup_called


def test_its_kernel_is_the_default_one_unless_there_is_another(tmp_path: Path) -> None:
    config = Config(run_dir=str(tmp_path))
    with ParslPoolExecutor(config) as pool, ParslPoolExecutor(config) as other:
        assert DataFlowKernelLoader.dfk() is pool.dfk
        assert other.dfk is not pool.dfk
        assert python_app(double)(2).result(PATIENCE) == 4
    with pytest.raises(NoDataFlowKernelError):
        DataFlowKernelLoader.dfk()
    with DataFlowKernelLoader.load(config) as kernel, ParslPoolExecutor(config) as pool:
        assert DataFlowKernelLoader.dfk() is kernel is not pool.dfk


def test_a_pool_that_was_never_used_starts_nothing(tmp_path: Path) -> None:
    pool = ParslPoolExecutor(Config(run_dir=str(tmp_path)))
    pool.shutdown()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="before it was used"):
        pool.get_app(double)


def test_not_waiting_ends_the_kernel_once_the_calls_have_ended(tmp_path: Path, gate: Any) -> None:
    pool = ParslPoolExecutor(Config(run_dir=str(tmp_path / "runs")))
    future = pool.submit(gate.passing, 1)
    pool.shutdown(wait=False)
    assert not pool.dfk.cleanup_called
    gate.open()
    pool.shutdown(wait=True)
    assert (future.result(), pool.dfk.cleanup_called) == (1, True)


def test_a_kernel_that_its_owner_has_ended_takes_no_calls(tmp_path: Path) -> None:
    with DataFlowKernel(Config(run_dir=str(tmp_path))) as kernel:
        pool = ParslPoolExecutor(dfk=kernel)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(double, 1)
    pool.shutdown()


PROGRAM = """
import sys, threading, time
from parsl_like import Config
from parsl_like.concurrent import ParslPoolExecutor

def late(path):
    time.sleep(0.5)
    open(path, "w").close()

pool = ParslPoolExecutor(Config())
pool.submit(late, sys.argv[1])
pool.shutdown(wait=False)
print("end of program")
"""


@pytest.mark.integration
def test_a_program_does_not_end_before_the_calls_of_its_pools(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "late"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end of program\n", "")
    assert (tmp_path / "late").exists()


def test_a_pool_takes_a_configuration_or_a_kernel(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="either a config"):
        ParslPoolExecutor()
    with pytest.raises(TypeError, match="expected a Config"):
        ParslPoolExecutor("htex")  # type: ignore[arg-type]
    with DataFlowKernel(Config(run_dir=str(tmp_path))) as kernel, pytest.raises(ValueError, match="either a config"):
        ParslPoolExecutor(config=Config(), dfk=kernel)


# --- apps


def test_a_function_has_one_app(kernel: DataFlowKernel) -> None:
    with ParslPoolExecutor(dfk=kernel) as pool:
        assert pool.app_count == 0
        app = pool.get_app(double)
        assert (pool.get_app(double), pool.app_count) == (app, 1)
        assert app(2).result(PATIENCE) == 4
        assert app.options(label="twice")(2).result(PATIENCE) == 4
        pool.submit(double, 1)
        assert pool.app_count == 1
        pool.submit(add, 1)
        assert pool.app_count == 2


def test_a_pool_does_not_remember_every_function_there_ever_was(tmp_path: Path) -> None:
    with ParslPoolExecutor(Config(run_dir=str(tmp_path))) as pool:
        futures = [pool.submit(lambda n=n: n) for n in range(APPS_KEPT + 10)]
        assert pool.app_count == APPS_KEPT
        assert [future.result(PATIENCE) for future in futures] == list(range(APPS_KEPT + 10))


def test_apps_of_the_program_run_on_the_pools_kernel(own_pool: ParslPoolExecutor) -> None:
    pool, kernel = own_pool, own_pool.dfk
    triple = python_app(lambda n: 3 * n)
    outer = join_app(lambda n: pool.submit(double, n))
    exits = bash_app(lambda code: f"exit {code}")
    before = kernel.task_count
    assert pool.submit(triple, 2).result(PATIENCE) == 6  # type: ignore[comparison-overlap]
    assert list(pool.map(triple, [1, 2], chunksize=2)) == [3, 6]  # type: ignore[comparison-overlap]
    assert pool.submit(outer, 4).result(PATIENCE) == 8  # type: ignore[comparison-overlap]
    assert pool.submit(exits, 0).result(PATIENCE) == 0  # type: ignore[comparison-overlap]
    assert kernel.task_count - before == 6
    assert triple.data_flow_kernel is None


def test_a_pool_keeps_to_its_executors(tmp_path: Path) -> None:
    executors = [ThreadPoolExecutor("left"), ThreadPoolExecutor("right")]
    with DataFlowKernel(Config(executors, run_dir=str(tmp_path))) as kernel:
        pools = [ParslPoolExecutor(dfk=kernel, executors=[label]) for label in ("left", "right")]
        name = python_app(lambda: threading.current_thread().name)
        for pool, label in zip(pools, ("left", "right"), strict=True):
            names = {pool.submit(lambda: threading.current_thread().name).result(PATIENCE) for _ in range(20)}
            assert {given.partition("_")[0] for given in names} == {label}
            assert {pool.submit(name).result(PATIENCE).partition("_")[0] for _ in range(20)} == {label}  # type: ignore[attr-defined]


# --- others that take a pool


def test_it_runs_what_asyncio_gives_an_executor(pool: ParslPoolExecutor) -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(pool, double, n) for n in range(5))))

    assert asyncio.run(main()) == [0, 2, 4, 6, 8]


def test_what_a_call_raises_comes_through_asyncio(pool: ParslPoolExecutor) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(pool, fails, "no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(main())


def test_cancelling_under_asyncio_cancels_the_call(pool: ParslPoolExecutor) -> None:
    async def main() -> Future[Any]:
        before = set(pool._pending)
        task = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(pool, double, Future()))  # type: ignore[arg-type]
        (future,) = pool._pending - before
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return future

    future = asyncio.run(main())
    assert future.cancelled()


def test_numpy_takes_what_map_gives(pool: ParslPoolExecutor) -> None:
    numpy = pytest.importorskip("numpy")
    grid = numpy.arange(6.0)
    assert numpy.array_equal(numpy.fromiter(pool.map(numpy.square, grid, chunksize=3), float), grid**2)


def test_scipy_takes_its_map_as_workers(pool: ParslPoolExecutor) -> None:
    optimize = pytest.importorskip("scipy.optimize")

    def bowl(point: Any) -> float:
        return float(sum((x - 1) ** 2 for x in point))

    found = optimize.brute(bowl, [slice(-2, 3, 1)] * 2, workers=pool.map, finish=None)
    assert list(found) == [1.0, 1.0]
