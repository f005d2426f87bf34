"""Checkpoints on disks that are full, write-protected or hang: that costs the checkpoint, and never a result."""

from __future__ import annotations

import threading
import time
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import Config, python_app
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.executors import ThreadPoolExecutor
from parsl_like.memo.writing import THREAD_NAME
from tests.faults.disks import Disks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.conftest import Stopwatch

WAIT = 90
RAN: list[int] = []


@python_app(cache=True)
def padded(x: int) -> str:
    RAN.append(x)
    return str(x) * 1000


@pytest.fixture(autouse=True)
def begin() -> None:
    RAN.clear()


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    made = Disks(tmp_path)
    yield made
    parsl_like.clear()
    made.close()


def load(run_dir: Path, **options: Any) -> DataFlowKernel:
    memoizer = BasicMemoizer(checkpoint_mode="task_exit")
    threads = ThreadPoolExecutor(max_threads=2)
    return parsl_like.load(Config([threads], memoizer=memoizer, run_dir=str(run_dir), **options))


def results(*numbers: int) -> bool:
    """Whether calls have the right results."""
    futures = {number: padded(number) for number in numbers}
    return all(future.result(WAIT) == str(number) * 1000 for number, future in futures.items())


def only_warning(text: str) -> str:
    """The one that is given when it happens; the summary at the end repeats it."""
    warning, in_summary = (line for line in text.splitlines() if "Checkpoint in" in line)
    assert warning.removeprefix("parsl_like: ") in in_summary
    return warning


def in_the_next_run(run_dir: Path, *numbers: int) -> list[int]:
    """Which of the calls run again there."""
    RAN.clear()
    with load(run_dir):
        assert results(*numbers)
    parsl_like.clear()
    return sorted(RAN)


@pytest.mark.fault(
    "checkpoint",
    "its disk becomes full, and has space again later",
    "all results come, with one warning; what was not written is written then",
    bound=20,
)
def test_full(disks: Disks, capfd: pytest.CaptureFixture[str], stopwatch: Stopwatch) -> None:
    disk = disks("4m")
    with load(disk.place / "runinfo", initialize_logging=False) as kernel:
        assert results(*range(50))
        disk.fill()
        with stopwatch:
            assert results(*range(300))
        assert sorted(RAN) == list(range(300)), "what is not written is remembered all the same"
        assert results(*range(300))
        assert len(RAN) == 300
        disk.free()
        kernel.checkpoint()
    parsl_like.clear()
    warning = only_warning(capfd.readouterr().err)
    assert "it cannot be written: No space left on device" in warning
    assert in_the_next_run(disk.place / "runinfo", *range(300)) == []


@pytest.mark.fault(
    "checkpoint", "its disk is full until the end", "all results come; the next run has what fitted", bound=20
)
def test_full_until_the_end(disks: Disks, capfd: pytest.CaptureFixture[str], stopwatch: Stopwatch) -> None:
    disk = disks("4m")
    with load(disk.place / "runinfo", initialize_logging=False):
        assert results(*range(50))
        disk.fill(leave=100_000)
        with stopwatch:
            for first in range(0, 300, 10):
                assert results(*range(first, first + 10))
    parsl_like.clear()
    assert "No space left" in only_warning(capfd.readouterr().err)
    disk.free()
    again = in_the_next_run(disk.place / "runinfo", *range(300))
    assert set(again) <= set(range(50, 300))
    assert 150 < len(again) < 250, "some fitted, some did not"


@pytest.mark.fault(
    "checkpoint",
    "its folder is on a read-only disk",
    "all results come, with one warning; later it is written",
    bound=20,
)
def test_read_only(tmp_path: Path, disks: Disks, capfd: pytest.CaptureFixture[str], stopwatch: Stopwatch) -> None:
    with load(tmp_path / "runinfo") as kernel:
        disk = disks("1m", "ro", at=Path(kernel.run_dir, "checkpoint"))
        with stopwatch:
            assert results(*range(100))
            assert results(*range(100))
        assert len(RAN) == 100
        disks.unmount(disk)
        kernel.checkpoint()
    parsl_like.clear()
    warning = only_warning(capfd.readouterr().err)
    assert "Read-only file system" in warning
    assert in_the_next_run(tmp_path / "runinfo", *range(100)) == []


@pytest.mark.fault(
    "checkpoint",
    "its disk hangs for a while",
    "results are held up for two seconds at most, and none is lost",
    bound=20,
)
def test_hangs(tmp_path: Path, disks: Disks, stopwatch: Stopwatch) -> None:
    with load(tmp_path / "runinfo") as kernel:
        disk = disks.with_file_system(Path(kernel.run_dir, "checkpoint"))
        assert results(*range(10))
        with disk.frozen():
            with stopwatch:
                assert results(*range(10, 200))
            begun = time.monotonic()
            assert results(*range(200, 300))
            assert time.monotonic() - begun < WAIT
        kernel.checkpoint()
    parsl_like.clear()
    assert in_the_next_run(tmp_path / "runinfo", *range(300)) == []


@pytest.mark.fault(
    "checkpoint", "its disk hangs, with checkpoint_sync", "no result is seen before it is on disk", bound=20
)
def test_hangs_under_results_that_must_be_on_disk(tmp_path: Path, disks: Disks, stopwatch: Stopwatch) -> None:
    with load(tmp_path / "runinfo", checkpoint_sync=True) as kernel:
        disk = disks.with_file_system(Path(kernel.run_dir, "checkpoint"))
        assert results(*range(10))
        with disk.frozen():
            future = padded(10)
            with pytest.raises(NotYet):
                future.result(5)
        with stopwatch:
            assert future.result(WAIT) == "10" * 1000
    parsl_like.clear()
    assert in_the_next_run(tmp_path / "runinfo", *range(11)) == []


@pytest.mark.fault("checkpoint", "its disk hangs while the run is ended", "cleanup returns, and says so", bound=60)
def test_hangs_at_the_end(
    tmp_path: Path, disks: Disks, capfd: pytest.CaptureFixture[str], stopwatch: Stopwatch
) -> None:
    kernel = load(tmp_path / "runinfo")
    disk = disks.with_file_system(Path(kernel.run_dir, "checkpoint"))
    assert results(*range(10))
    with disk.frozen():
        assert results(*range(10, 20))
        with stopwatch:
            kernel.cleanup()
            parsl_like.clear()
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join(WAIT)
    assert "results may be missing" in capfd.readouterr().err
