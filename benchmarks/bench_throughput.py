"""Many no-op tasks at once: tasks per second, submissions per second, and CPU time per task in each process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import Engine, fitting, opened
from figure import Bound, Figure
from options import main
from processes import Usage

TASKS, QUICK_TASKS = 10_000, 500
SECONDS = 5.0
BURSTS = 3
ROLES = ("driver", "interchange", "manager", "worker", "other")


def noop() -> None:
    return None


def burst(engine: Engine, count: int) -> dict[str, float]:
    """One burst of tasks."""
    with Usage() as used:
        begun = time.perf_counter()
        futures = [engine.submit(noop) for _ in range(count)]
        submitted = time.perf_counter()
        engine.results(futures)
        ended = time.perf_counter()
    values = {"tasks": count / (ended - begun), "submitted": count / (submitted - begun)}
    values["cpu"] = 1e6 * used.total / count
    values.update({f"cpu {role}": 1e6 * used.seconds.get(role, 0.0) / count for role in ROLES})
    return values


def measure(name: str, _case: str, quick: bool) -> Mapping[str, float]:
    """Medians of some bursts."""
    engine = opened(name).warm(noop)
    count = QUICK_TASKS if quick else fitting(engine, noop, TASKS, SECONDS)
    bursts = [burst(engine, count) for _ in range(1 if quick else BURSTS)]
    return {key: statistics.median(values[key] for values in bursts) for key in bursts[0]}


BENCHMARK = Benchmark(
    title="Throughput",
    file=__file__,
    measure=measure,
    engines=(*HTEX_AND_RIVALS, "mpire", "threads", "parsl threads", "thread pool"),
    figures=(
        Figure(
            "tasks",
            "tasks/s",
            target=(Bound(30, "parsl"), Bound(15, "parsl tuned"), Bound(1, "mpire")),
            goal=(Bound(3, "mpire"), Bound(60_000)),
        ),
        Figure("submitted", "submitted/s", target=(Bound(30_000),), goal=(Bound(80_000),)),
        Figure("cpu", "CPU us per task, all processes", "less", 1, (Bound(50),), (Bound(20),)),
        *(Figure(f"cpu {role}", f"CPU us per task, {role}", "less", 1) for role in ROLES),
        Figure("tasks", "tasks/s, threads", target=(Bound(20_000),), goal=(Bound(45_000),), subject="threads"),
        Figure("submitted", "submitted/s, threads", subject="threads"),
        Figure("cpu", "CPU us per task, threads", "less", 1, subject="threads"),
    ),
    note=f"Two workers, {TASKS:,} tasks, or as many as take {SECONDS:.0f} s; medians of {BURSTS} bursts in each run. "
    "CPU seconds are those of the processes' own clocks, between the first submission and the last result. Parsl's "
    "workers include a server process for one shared dictionary.",
)

if __name__ == "__main__":
    main(BENCHMARK)
