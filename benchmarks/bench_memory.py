"""What tasks cost the driver in memory: while they wait, and after they have ended and nobody holds their futures."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import tempfile
import time
from collections.abc import Mapping

import psutil
from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import WORKERS, opened
from figure import Bound, Figure
from options import main
from processes import others, rss_bytes

TASKS, SLOW_TASKS, QUICK_TASKS = 50_000, 10_000, 1000
SLOW = ("parsl htex", "parsl htex tuned")


def noop() -> None:
    return None


def wait_for(path: str) -> None:
    import os
    import time

    while not os.path.exists(path):
        time.sleep(0.02)


def trim() -> None:
    """Give free memory back to the system, where the C library can be told to."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def measure(name: str, _case: str, quick: bool) -> Mapping[str, float]:
    """Bytes per task."""
    count = QUICK_TASKS if quick else SLOW_TASKS if name in SLOW else TASKS
    engine, driver = opened(name).warm(noop), psutil.Process()
    gate = os.path.join(tempfile.mkdtemp(), "open")
    gc.collect()
    trim()
    before, before_all = rss_bytes(driver), sum(map(rss_bytes, others()))
    blocking = []
    for _ in range(WORKERS):
        blocking.append(engine.submit(wait_for, gate))
        time.sleep(0.3)  # so that each worker takes one
    futures = [engine.submit(noop) for _ in range(count)]
    time.sleep(1 if quick else 3)  # so that they have gone as far as they go
    gc.collect()
    queued, queued_all = rss_bytes(driver) - before, sum(map(rss_bytes, others())) - before_all
    open(gate, "wb").close()
    engine.results([*blocking, *futures])
    del blocking, futures
    time.sleep(0.5 if quick else 2)
    gc.collect()
    left = rss_bytes(driver) - before
    trim()
    trimmed = rss_bytes(driver) - before
    sizes = {"queued": queued, "queued elsewhere": queued_all, "left": left, "trimmed": trimmed}
    return {key: size / count for key, size in sizes.items()}


BENCHMARK = Benchmark(
    title="Memory",
    file=__file__,
    measure=measure,
    engines=HTEX_AND_RIVALS,
    figures=(
        Figure("queued", "bytes per queued task, driver", "less", 0, (Bound(2500),), (Bound(1500),)),
        Figure("queued elsewhere", "bytes per queued task, other processes", "less"),
        Figure("left", "bytes per task left after gc, driver", "less"),
        Figure("trimmed", "bytes per task left after malloc_trim, driver", "less", 0, (Bound(100),), (Bound(0),)),
    ),
    note=f"{TASKS:,} no-op tasks ({SLOW_TASKS:,} for Parsl) queue behind tasks that hold both workers; then all end, "
    "their futures are dropped, the garbage collector runs, and free memory is given back by malloc_trim.",
)

if __name__ == "__main__":
    main(BENCHMARK)
