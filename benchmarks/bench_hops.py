"""Where the time of one round trip goes, hop by hop."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping

from benchmark import Benchmark
from engines import opened
from figure import Figure
from options import main

TRIPS, QUICK_TRIPS = 1000, 50
HOPS = {
    "call": "call -> owner thread",
    "send": "owner thread -> sent",
    "there": "sent -> begun in the worker",
    "run": "in the worker",
    "back": "ended in the worker -> driver",
    "told": "driver -> caller",
}


def noop() -> None:
    return None


def measure(name: str, _case: str, quick: bool) -> Mapping[str, float]:
    """Medians and 99th percentiles of every hop, in microseconds."""
    import probe

    stamps = probe.install()
    engine = opened(name).warm(noop)
    trips: list[list[float]] = []
    for _ in range(QUICK_TRIPS if quick else TRIPS):
        stamps.clear()
        called = time.time()
        engine.result(engine.submit(noop))
        told = time.time()
        ways = (called, stamps.taken, stamps.sent, stamps.began, stamps.ended, stamps.received, told)
        times = [moment for moment in ways if moment is not None]
        if len(times) < len(ways):
            raise LookupError(f"the session did not report all of a task's way: {vars(stamps)}")
        trips.append([1e6 * (after - before) for before, after in itertools.pairwise(times)])
    values = {}
    for at, hop in enumerate(HOPS):
        ordered = sorted(trip[at] for trip in trips)
        values[hop] = statistics.median(ordered)
        values[f"{hop} p99"] = ordered[int(len(ordered) * 0.99)]
    values["whole"] = statistics.median(map(sum, trips))
    return values


BENCHMARK = Benchmark(
    title="Hops",
    file=__file__,
    measure=measure,
    engines=("htex", "threads"),
    figures=(
        *(Figure(hop, f"{text}, us", "less") for hop, text in HOPS.items()),
        Figure("whole", "whole round trip, us", "less"),
        *(Figure(f"{hop} p99", f"{text}, p99 us", "less") for hop, text in HOPS.items()),
        *(Figure(hop, f"threads: {text}, us", "less", subject="threads") for hop, text in HOPS.items()),
    ),
    note=f"Medians of {TRIPS:,} round trips, one after another. Between driver and worker lie interchange and manager. "
    "Stamps are taken at the port between kernel and executor (`probe.py`) and by the worker, from one clock. A hop "
    "that begins before the one before it has ended may be below 0: a send returns after the message has gone.",
)

if __name__ == "__main__":
    main(BENCHMARK)
