"""What an engine uses that has nothing to do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

import psutil
from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import opened
from figure import Bound, Figure
from options import main
from processes import Usage, others, rss_bytes

SECONDS, QUICK_SECONDS = 10.0, 1.0


def noop() -> None:
    return None


def threads(all_of_them: list[psutil.Process]) -> int:
    """How many threads they have."""
    count = 0
    for process in all_of_them:
        with contextlib.suppress(psutil.Error):
            count += process.num_threads()
    return count


def measure(name: str, _case: str, quick: bool) -> Mapping[str, float]:
    """CPU, processes, threads and memory, some seconds after the last task."""
    opened(name).warm(noop)
    seconds = QUICK_SECONDS if quick else SECONDS
    time.sleep(0.5 if quick else 3)
    with Usage() as used:
        time.sleep(seconds)
    family = [psutil.Process(), *others()]
    return {
        "cpu": used.total * 10 / seconds,
        "driver": used.seconds["driver"] * 10 / seconds,
        "processes": len(family),
        "threads": threads(family),
        "memory": sum(map(rss_bytes, family)) / 1e6,
    }


BENCHMARK = Benchmark(
    title="Idle",
    file=__file__,
    measure=measure,
    engines=(*HTEX_AND_RIVALS, "mpire", "threads", "parsl threads", "thread pool"),
    figures=(
        Figure("cpu", "CPU s per 10 s, all processes", "less", 4, (Bound(0.02),), (Bound(0.01),)),
        Figure("driver", "CPU s per 10 s, driver", "less", 4),
        Figure("processes", "processes", "less", 0, (Bound(7),), (Bound(6),)),
        Figure("threads", "threads", "less"),
        Figure("memory", "RSS of all processes, MB", "less", 0, (Bound(170),), (Bound(120),)),
        Figure("cpu", "CPU s per 10 s, threads", "less", 4, subject="threads"),
        Figure("memory", "RSS, MB, threads", "less", subject="threads"),
    ),
    note="After 200 tasks and 3 s of rest; the shells of the block's script count as processes.",
)

if __name__ == "__main__":
    main(BENCHMARK)
