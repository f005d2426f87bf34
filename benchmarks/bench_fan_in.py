"""Many tasks whose results one task adds up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import fitting, opened
from figure import Bound, Figure
from options import main

WIDTH, QUICK_WIDTH = 5000, 200
SECONDS = 5.0


def same(x: int = 0) -> int:
    return x


def total(inputs: Any = ()) -> int:
    return sum(inputs)


def measure(name: str, _case: str, quick: bool) -> Mapping[str, float]:
    """Tasks per second, the last one included."""
    engine = opened(name).warm(same)
    width = QUICK_WIDTH if quick else fitting(engine, same, WIDTH, SECONDS)
    begun = time.perf_counter()
    value = engine.result(engine.gather(total, [engine.submit(same, i) for i in range(width)]))
    seconds = time.perf_counter() - begun
    if value != width * (width - 1) // 2:
        raise ValueError(f"the sum of the numbers below {width} came out as {value}")
    return {"tasks": (width + 1) / seconds}


BENCHMARK = Benchmark(
    title="Fan-in",
    file=__file__,
    measure=measure,
    engines=(*HTEX_AND_RIVALS, "threads", "parsl threads", "thread pool"),
    figures=(
        Figure("tasks", "tasks/s", target=(Bound(20_000),), goal=(Bound(50_000),)),
        Figure("tasks", "tasks/s, threads", subject="threads"),
    ),
    note=f"{WIDTH:,} tasks into one, or as many as take {SECONDS:.0f} s. For pools and the floor, which know no "
    "dependencies, the program waits for the results and passes them on.",
)

if __name__ == "__main__":
    main(BENCHMARK)
