"""Tasks that each need the one before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import opened
from figure import Bound, Figure
from options import main

LENGTH, QUICK_LENGTH = 1000, 50


def increment(x: int) -> int:
    return x + 1


def measure(name: str, _case: str, quick: bool) -> Mapping[str, float]:
    """Tasks per second along a chain."""
    length = QUICK_LENGTH if quick else LENGTH
    engine = opened(name).warm(increment, 0)
    begun = time.perf_counter()
    future: Any = engine.submit(increment, 0)
    for _ in range(length - 1):
        future = engine.call(increment, future)
    value = engine.result(future)
    seconds = time.perf_counter() - begun
    if value != length:
        raise ValueError(f"a chain of {length} ended in {value}")
    return {"tasks": length / seconds}


BENCHMARK = Benchmark(
    title="Chain",
    file=__file__,
    measure=measure,
    engines=(*HTEX_AND_RIVALS, "threads", "parsl threads", "thread pool"),
    figures=(
        Figure("tasks", "tasks/s", target=(Bound(1300),), goal=(Bound(1.1, "floor"),)),
        Figure("tasks", "tasks/s, threads", subject="threads"),
    ),
    note=f"{LENGTH:,} tasks. For pools and the floor, which know no dependencies, the program waits for each result.",
)

if __name__ == "__main__":
    main(BENCHMARK)
