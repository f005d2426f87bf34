"""A million tasks: through a window, does it get slower or larger; all at once, how large does it get."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Mapping

import psutil
from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import WINDOW, WORKERS, Engine, opened
from figure import Bound, Figure
from options import main
from processes import others, peak_bytes, rss_bytes

TASKS, QUICK_TASKS = 1_000_000, 5000
SLOW_TASKS = {"parsl htex": 10_000, "parsl htex tuned": 20_000, "process pool": 100_000}
PARTS = 10
ASK = -1


def counted(number: int) -> tuple[int, int, int] | None:
    """A no-op that leaves a tally in its worker; who gives ASK is told the tally."""
    import sys

    tally = sys.__dict__.setdefault("benchmark_tally", [0, 0])
    if number < 0:
        import os
        import time

        time.sleep(0.2)
        return os.getpid(), tally[0], tally[1]
    tally[0] += 1
    tally[1] += number
    return None


def tallies(engine: Engine) -> tuple[int, int]:
    """Calls made and the sum of their numbers, over all workers."""
    found: dict[int, tuple[int, int]] = {}
    for _ in range(50):
        for pid, calls, numbers in engine.results([engine.submit(counted, ASK) for _ in range(WORKERS)]):
            found[pid] = (calls, numbers)
        if len(found) == WORKERS:
            break
    return sum(calls for calls, _ in found.values()), sum(numbers for _, numbers in found.values())


def windowed(engine: Engine, count: int) -> Mapping[str, float]:
    """Tasks by ``map``: rates by tenths, what is lost, and how much larger the driver is."""
    calls_before, sum_before = tallies(engine)
    gc.collect()
    driver = psutil.Process()
    before = rss_bytes(driver)
    marks, came = [time.perf_counter()], 0
    for _ in engine.map(counted, range(count)):
        came += 1
        if came % (count // PARTS) == 0:
            marks.append(time.perf_counter())
    gc.collect()
    after = rss_bytes(driver)
    calls, numbers = tallies(engine)
    rates = [count / PARTS / (end - begin) for begin, end in itertools.pairwise(marks)]
    wrong = abs(numbers - sum_before - count * (count - 1) // 2)
    return {
        "rate": count / (marks[-1] - marks[0]),
        "first": rates[0],
        "last": rates[-1],
        "last of first": rates[-1] / rates[0],
        "slowest of first": min(rates) / rates[0],
        "more": (after - before) / 1e6,
        "lost": max(count - came, calls_before + count - calls, 0),
        "doubled": max(came - count, calls - calls_before - count, 0),
        "wrong": wrong,
    }


def at_once(engine: Engine, count: int) -> Mapping[str, float]:
    """All tasks submitted before the first result is asked for."""
    begun = time.perf_counter()
    futures = [engine.submit(counted, number) for number in range(count)]
    submitted = time.perf_counter()
    engine.results(futures)
    seconds = time.perf_counter() - begun
    return {
        "at once": count / seconds,
        "submitted": count / (submitted - begun),
        "peak": peak_bytes(psutil.Process()) / 1e9,
        "peak elsewhere": sum(map(peak_bytes, others())) / 1e9,
    }


def measure(name: str, case: str, quick: bool) -> Mapping[str, float]:
    """Growth by a window, or at once."""
    count = QUICK_TASKS if quick else SLOW_TASKS.get(name, TASKS)
    engine = opened(name).warm(counted, 0)
    return windowed(engine, count) if case == "window" else at_once(engine, count)


BENCHMARK = Benchmark(
    title="Growth",
    file=__file__,
    measure=measure,
    engines=HTEX_AND_RIVALS,
    cases=("window", "at once"),
    repeats=1,
    seconds=900.0,
    figures=(
        Figure("rate", "by map: tasks/s"),
        Figure("first", "by map: tasks/s, first tenth"),
        Figure("last", "by map: tasks/s, last tenth"),
        Figure("last of first", "by map: rate of the last tenth / first", "more", 2, (Bound(0.9),), (Bound(1),)),
        Figure("slowest of first", "by map: rate of the slowest tenth / first", "more", 2),
        Figure("more", "by map: driver's memory at the end above its start, MB", "less", 1, (Bound(50),)),
        Figure("lost", "by map: lost", "less", 0, (Bound(0),)),
        Figure("doubled", "by map: run or delivered twice", "less", 0, (Bound(0),)),
        Figure("wrong", "by map: sum of the numbers that workers saw, off by", "less", 0, (Bound(0),)),
        Figure("at once", "all at once: tasks/s"),
        Figure("submitted", "all at once: submitted/s"),
        Figure("peak", "all at once: driver's peak memory, GB", "less", 2, (Bound(2.5),)),
        Figure("peak elsewhere", "all at once: other processes' peak memory, GB", "less", 2),
    ),
    note=f"{TASKS:,} tasks; of Parsl {SLOW_TASKS['parsl htex']:,} and {SLOW_TASKS['parsl htex tuned']:,} (tuned), of "
    f"the pool {SLOW_TASKS['process pool']:,}, whose absolute figures are those of so many. A task counts in its "
    "worker how often it was called and adds its number up: count and sum show what was lost or run twice. While the "
    f"first tenth runs, a window of {WINDOW:,} more is submitted, and so many fewer while the last does: look at the "
    "slowest, too.",
)

if __name__ == "__main__":
    main(BENCHMARK)
