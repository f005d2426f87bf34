"""joblib's own documented behaviour, with its work done by a kernel: on threads and on worker processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.config import Config
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.loader import DataFlowKernelLoader
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.joblib import register
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

joblib: Any = pytest.importorskip("joblib")

PATIENCE = 60.0


def threads_config(run_dir: str) -> Config:
    return Config([ThreadPoolExecutor(max_threads=2)], run_dir=run_dir)


def htex_config(run_dir: str) -> Config:
    provider = LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
    executor = HighThroughputExecutor("htex", provider, max_workers_per_node=2, cores_per_worker=0.1)
    return Config([executor], run_dir=run_dir)


CONFIGS = {"threads": threads_config, "htex": htex_config}
KINDS = ["threads", pytest.param("htex", marks=pytest.mark.integration)]


@pytest.fixture(scope="module", params=KINDS)
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFlowKernel]:
    register()
    with DataFlowKernelLoader.load(CONFIGS[request.param](str(tmp_path_factory.mktemp("runinfo")))) as kernel:
        if request.param == "threads":
            barrier = threading.Barrier(2)
            for future in [kernel.submit(barrier.wait, [30]) for _ in range(2)]:
                future.result(PATIENCE)
        else:
            kernel.submit(len, [b"x" * 1_000_000]).result(PATIENCE)
        yield kernel


@pytest.fixture
def here(kernel: DataFlowKernel) -> Iterator[Any]:
    with joblib.parallel_config(backend="parsl_like") as config:
        yield config


def double(n: int) -> int:
    return 2 * n


def reciprocal(n: int) -> float:
    return 1 / n


def nested(n: int) -> list[int]:
    import joblib

    found: list[int] = joblib.Parallel(n_jobs=2)(joblib.delayed(double)(n + k) for k in range(3))
    return found


def slow(seconds: float) -> None:
    time.sleep(seconds)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}, {"n_jobs": 4, "batch_size": 3}, {"pre_dispatch": "all"}])
def test_results_come_in_the_order_of_the_calls(kernel: DataFlowKernel, options: dict[str, Any]) -> None:
    before = kernel.task_count
    results = joblib.Parallel(**options)(joblib.delayed(double)(n) for n in range(30))
    assert results == [2 * n for n in range(30)]
    assert kernel.task_count > before


@pytest.mark.usefixtures("here")
def test_batches_are_tasks(kernel: DataFlowKernel) -> None:
    before = kernel.task_count
    joblib.Parallel(n_jobs=2, batch_size=10, pre_dispatch="all")(joblib.delayed(double)(n) for n in range(200))
    assert kernel.task_count - before < 50


@pytest.mark.usefixtures("here")
def test_the_calls_run_where_the_executor_runs_them(kernel: DataFlowKernel) -> None:
    pids = set(joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(4)))
    assert (os.getpid() in pids) == ("threads" in kernel.executors)


@pytest.mark.usefixtures("here")
def test_all_workers_are_used_unless_something_else_is_said() -> None:
    assert joblib.effective_n_jobs(-1) == 2
    assert joblib.effective_n_jobs(-2) == 1
    assert joblib.effective_n_jobs(-9) == 1
    assert joblib.effective_n_jobs(7) == 7
    assert joblib.Parallel()._effective_n_jobs() == 2
    with pytest.raises(ValueError, match="n_jobs == 0"):
        joblib.Parallel(n_jobs=0)(joblib.delayed(double)(n) for n in range(2))


@pytest.mark.usefixtures("own")
def test_the_error_of_a_call_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        joblib.Parallel(n_jobs=2)(joblib.delayed(reciprocal)(n) for n in (1, 2, 0, 4))
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(reciprocal)(n) for n in (1, 2)) == [1.0, 0.5]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DataFlowKernel]:
    """A kernel of the test's own: calls that are stopped while they run leave traces in it."""
    register()
    with DataFlowKernel(threads_config(str(tmp_path))) as own, joblib.parallel_config(backend="parsl_like", dfk=own):
        yield own


def test_an_error_cancels_the_other_calls(own: DataFlowKernel) -> None:
    all_are_there = threading.Event()

    def fails() -> None:
        all_are_there.wait(PATIENCE)
        raise ZeroDivisionError

    def calls() -> Iterator[Any]:
        yield joblib.delayed(fails)()
        for _ in range(500):
            yield joblib.delayed(slow)(0.1)
        all_are_there.set()

    with pytest.raises(ZeroDivisionError):
        joblib.Parallel(n_jobs=2, batch_size=1, pre_dispatch="all")(calls())
    assert own.machine.summary()["failed"] > 100


@pytest.mark.usefixtures("own")
def test_a_call_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(multiprocessing.TimeoutError):
        joblib.Parallel(n_jobs=2, timeout=0.1)(joblib.delayed(slow)(1.0) for _ in range(2))


@pytest.mark.usefixtures("here")
def test_calls_within_calls_use_threads() -> None:
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(nested)(n) for n in range(3)) == [
        [2 * (n + k) for k in range(3)] for n in range(3)
    ]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", ["generator", "generator_unordered"])
def test_results_may_be_taken_one_by_one(kind: str) -> None:
    results = joblib.Parallel(n_jobs=2, return_as=kind)(joblib.delayed(double)(n) for n in range(10))
    assert sorted(results) == [2 * n for n in range(10)]


@pytest.mark.usefixtures("here")
def test_one_parallel_may_be_called_again_and_again() -> None:
    with joblib.Parallel(n_jobs=2) as parallel:
        for start in range(3):
            assert parallel(joblib.delayed(double)(n) for n in range(start, 5)) == [2 * n for n in range(start, 5)]


@pytest.mark.usefixtures("here")
def test_functions_of_the_program_itself_and_large_arrays_travel() -> None:
    numpy = pytest.importorskip("numpy")
    scale = 3
    array = numpy.ones(200_000)
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(lambda k: float(array.sum()) * k * scale)(k) for k in range(3))
    assert found == [0.0, 600_000.0, 1_200_000.0]


def test_memory_is_shared_on_threads_only(kernel: DataFlowKernel) -> None:
    seen: list[int] = []
    with joblib.parallel_config(backend="parsl_like"):
        joblib.Parallel(n_jobs=2, require="sharedmem")(joblib.delayed(seen.append)(n) for n in range(5))
    assert sorted(seen) == list(range(5))


def test_a_kernel_and_executors_may_be_named(kernel: DataFlowKernel, tmp_path: Path) -> None:
    executors = [ThreadPoolExecutor("left", 1), ThreadPoolExecutor("right", 3)]
    with DataFlowKernel(Config(executors, run_dir=str(tmp_path))) as other:
        before = kernel.task_count
        with joblib.parallel_config(backend="parsl_like", dfk=other, executors=["right"]):
            assert joblib.effective_n_jobs(-1) == 3
            names = joblib.Parallel()(joblib.delayed(lambda: threading.current_thread().name)() for _ in range(9))
        assert {name.partition("_")[0] for name in names} == {"right"}
        assert kernel.task_count == before


def test_it_says_nothing_of_old_interfaces(kernel: DataFlowKernel) -> None:
    with warnings.catch_warnings(), joblib.parallel_config(backend="parsl_like"):
        warnings.simplefilter("error")
        assert joblib.Parallel(n_jobs=2)(joblib.delayed(double)(n) for n in range(3)) == [0, 2, 4]
