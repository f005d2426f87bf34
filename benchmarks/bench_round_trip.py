"""One no-op task after another: how long it takes from the call to the result."""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import opened
from figure import Bound, Figure
from options import main

TRIPS, QUICK_TRIPS = 1000, 50


def noop() -> None:
    return None


def measure(name: str, _case: str, quick: bool) -> Mapping[str, float]:
    """Percentiles of the round trip, in milliseconds."""
    engine = opened(name).warm(noop)
    count = QUICK_TRIPS if quick else TRIPS
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        engine.result(engine.submit(noop))
        times.append(1e3 * (time.perf_counter() - begun))
    times.sort()
    return {"p50": times[count // 2], "p99": times[int(count * 0.99)]}


BENCHMARK = Benchmark(
    title="Round trip",
    file=__file__,
    measure=measure,
    engines=(*HTEX_AND_RIVALS, "mpire", "threads", "parsl threads", "thread pool"),
    figures=(
        Figure("p50", "p50 ms", "less", 3, (Bound(1.6, "floor"),), (Bound(1.1, "floor"),)),
        Figure("p99", "p99 ms", "less", 3, (Bound(3),), (Bound(1),)),
        Figure("p50", "p50 ms, threads", "less", 3, subject="threads"),
        Figure("p99", "p99 ms, threads", "less", 3, subject="threads"),
    ),
    note=f"{TRIPS:,} times a call, and the wait for its result.",
)

if __name__ == "__main__":
    main(BENCHMARK)
