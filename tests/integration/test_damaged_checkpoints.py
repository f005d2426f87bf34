"""Programs that go on with a checkpoint of 2,000 results which has been cut, or has a bit that is not what was written.

Every program is a kernel of its own that begins with the file and calls an app; what its function does is counted.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from parsl_like import Config, python_app
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.executors import ThreadPoolExecutor
from parsl_like.memo.logfile import ResultLog

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Stopwatch

FULL = bool(os.environ.get("PARSL_LIKE_FULL"))
SEED = int(os.environ.get("PARSL_LIKE_FAULTS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
TASKS = 2000
END = 4096
"""How many bytes at the end of the file are cut into, at every place."""
CUTS = range(0, END) if FULL else sorted(random.Random(SEED).sample(range(END), 60))
"""How many bytes are missing; 0: none."""
FLIPS = 1000 if FULL else 60
OTHERS = 40
"""How many other results each program asks for."""

pytestmark = pytest.mark.timeout(3000 if FULL else 300)


@dataclass
class Written:
    """What the first program has left.

    Attributes:
        data: The file.
        begins: Where the record of each result begins, in the order of the file.
        order: Which result each of these is.
    """

    data: bytes
    begins: list[int]
    order: list[int]

    def at(self, place: int) -> int | None:
        """The result whose record a byte belongs to; None for what is before the first."""
        found = bisect_right(self.begins, place) - 1
        return None if found < 0 else self.order[found]


class Program:
    """Counts which calls are not recalled.

    Args:
        folder: Where its runs are.
        files: The checkpoints to begin with.
    """

    def __init__(self, folder: Path, files: list[str]) -> None:
        memoizer = BasicMemoizer(checkpoint_mode="task_exit", checkpoint_files=files)
        threads = ThreadPoolExecutor(max_threads=2)
        self.config = Config([threads], memoizer=memoizer, run_dir=str(folder), initialize_logging=False)
        self.ran: list[int] = []

    def results(self, numbers: Iterable[int]) -> dict[int, list[int]]:
        """Call the app for each of the numbers, in one run."""
        ran = self.ran

        def cube(x: int) -> list[int]:
            ran.append(x)
            return [x, x**3]

        kernel = DataFlowKernel(self.config)
        try:
            app = python_app(cube, data_flow_kernel=kernel, cache=True).options(version="1")
            futures = {number: app(number) for number in numbers}
            return {number: future.result() for number, future in futures.items()}
        finally:
            kernel.cleanup()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("written")
    program = Program(folder, [])
    assert right(program.results(range(TASKS)))
    assert sorted(program.ran) == list(range(TASKS))
    path = folder / "000" / "checkpoint" / "tasks.pkl"
    log = ResultLog(str(path))
    begins, order = [], []
    for key, offset in log.index():
        begins.append(offset)
        order.append(log.value(offset, key)[0])
    log.close()
    assert sorted(order) == list(range(TASKS))
    assert begins == sorted(begins)
    return Written(path.read_bytes(), begins, order)


def right(results: dict[int, list[int]]) -> bool:
    return all(result == [number, number**3] for number, result in results.items())


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says something in the output of the tests; what the programs warn of is not to be seen there."""

    def spoken(line: str) -> None:
        with capfd.disabled():
            sys.stdout.write(f"\n{line} ")

    return spoken


def gone_on(data: bytes, numbers: Iterable[int], folder: Path) -> tuple[dict[int, list[int]], list[int]]:
    """What a program gets that begins with a checkpoint of these bytes, and which calls ran for it."""
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(parents=True, mode=0o700)
    (checkpoint / "tasks.pkl").write_bytes(data)
    (checkpoint / "tasks.pkl").chmod(0o600)
    program = Program(folder / "runs", [str(checkpoint)])
    results = program.results(numbers)
    shutil.rmtree(folder)  # thousands of them would fill a disk
    return results, program.ran


@pytest.mark.integration
@pytest.mark.fault(
    "checkpoint",
    "the file ends anywhere in its last 4 KiB",
    "the next run computes again what is not whole, and nothing else",
)
def test_a_file_that_ends_anywhere_costs_what_is_not_whole(
    written: Written, tmp_path: Path, say: Callable[[str], None], stopwatch: Stopwatch
) -> None:
    chance = random.Random(SEED)
    size, ends = len(written.data), [*written.begins[1:], len(written.data)]
    near = [number for number, end in zip(written.order, ends, strict=True) if end > size - END - 200]
    lost = 0
    for cut in CUTS:
        numbers = {*near, *chance.sample(range(TASKS), OTHERS)}
        missing = {number for number, end in zip(written.order, ends, strict=True) if end > size - cut}
        with stopwatch:
            results, ran = gone_on(written.data[: size - cut], numbers, tmp_path / f"{cut}")
        assert right(results), cut
        assert sorted(ran) == sorted(missing), cut
        lost = max(lost, len(missing))
    say(f"{len(CUTS)} cuts of the last {END} of {size} bytes (PARSL_LIKE_FAULTS_SEED={SEED}): {lost} lost at most")


@pytest.mark.integration
@pytest.mark.fault(
    "checkpoint", "a bit of the file is not what was written", "never a wrong value; at most one result is lost"
)
def test_a_bit_that_is_not_what_was_written_costs_at_most_one_result(
    written: Written, tmp_path: Path, say: Callable[[str], None], stopwatch: Stopwatch
) -> None:
    chance = random.Random(SEED)
    again = 0
    for flip in range(FLIPS):
        place, bit = chance.randrange(len(written.data)), chance.randrange(8)
        data = bytearray(written.data)
        data[place] ^= 1 << bit
        hurt = written.at(place)
        around = written.order[max(0, bisect_right(written.begins, place) - 3) :][:6]
        numbers = {*around, *chance.sample(range(TASKS), OTHERS)}
        with stopwatch:
            results, ran = gone_on(bytes(data), numbers, tmp_path / f"{flip}")
        assert right(results), (place, bit)
        assert ran in ([], [hurt]), (place, bit)
        again += len(ran)
    say(f"{FLIPS} flipped bits (PARSL_LIKE_FAULTS_SEED={SEED}): {again} results computed again, none wrong")
    assert again > FLIPS // 2
