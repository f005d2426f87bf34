"""Short tasks beside long ones: nobody short may wait behind somebody long while a worker is idle."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import WORKERS, Engine, fitting, opened
from figure import Bound, Figure
from options import main

SHORT, QUICK_SHORT = 10_000, 500
LONG, QUICK_LONG = 20, 4
SECONDS, QUICK_SECONDS = 2.0, 0.5
BLOCKED_SECONDS, QUICK_BLOCKED_SECONDS = 60.0, 3.0


def noop() -> None:
    return None


def hold(seconds: float) -> None:
    import time

    time.sleep(seconds)


def against_ideal(engine: Engine, plan: Sequence[float], rate: float) -> float:
    """Time for a plan of sleeps, 0 being a no-op, against the least that it could take."""
    waits = [seconds for seconds in plan if seconds]
    ideal = sum(waits) / WORKERS + (len(plan) - len(waits)) / rate
    begun = time.perf_counter()
    engine.results([engine.submit(hold, seconds) if seconds else engine.submit(noop) for seconds in plan])
    return (time.perf_counter() - begun) / ideal


def mixed(engine: Engine, quick: bool) -> Mapping[str, float]:
    """Long tasks in front of the short ones, and spread among them."""
    short = QUICK_SHORT if quick else SHORT
    count, seconds = (QUICK_LONG, QUICK_SECONDS) if quick else (LONG, SECONDS)
    if not quick:
        short = fitting(engine, noop, short, 20.0)
    begun = time.perf_counter()
    engine.results([engine.submit(noop) for _ in range(short)])
    rate = short / (time.perf_counter() - begun)
    front = [seconds] * count + [0.0] * short
    spread = ([seconds] + [0.0] * (short // count)) * count
    return {"front": against_ideal(engine, front, rate), "spread": against_ideal(engine, spread, rate)}


def behind(engine: Engine, seconds: float) -> Mapping[str, float]:
    """When the first two of [no-op, no-op, sleep] have come."""
    begun = time.perf_counter()
    first, second, _last = engine.submit(noop), engine.submit(noop), engine.submit(hold, seconds)
    engine.results([first, second])
    return {"behind": 1e3 * (time.perf_counter() - begun)}


def measure(name: str, case: str, quick: bool) -> Mapping[str, float]:
    """Mixed loads, each in a process of its own."""
    engine = opened(name).warm(noop)
    if case == "mixed":
        return mixed(engine, quick)
    return behind(engine, QUICK_BLOCKED_SECONDS if quick else BLOCKED_SECONDS)


BENCHMARK = Benchmark(
    title="Mixed loads",
    file=__file__,
    measure=measure,
    engines=HTEX_AND_RIVALS,
    cases=("mixed", "behind"),
    repeats=1,
    seconds=600.0,
    figures=(
        Figure("front", f"{LONG} tasks of {SECONDS:g} s, no-ops: time / ideal", "less", 3, (Bound(1.1),), (Bound(1),)),
        Figure("spread", "the same, spread among the no-ops: time / ideal", "less", 3, (Bound(1.1),), (Bound(1),)),
        Figure("behind", f"[no-op, no-op, sleep {BLOCKED_SECONDS:g}]: first two after, ms", "less", 1, (Bound(100),)),
    ),
    note=f"{SHORT:,} no-ops, or as many as take 20 s. The ideal: the long tasks on {WORKERS} workers without a gap, "
    "and the no-ops at the rate that the same engine reaches in the same process without them.",
)

if __name__ == "__main__":
    main(BENCHMARK)
