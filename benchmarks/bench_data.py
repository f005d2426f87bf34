"""Large arrays to the workers and back."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from typing import Any

import psutil
from benchmark import Benchmark
from engines import Engine, opened
from figure import Bound, Figure
from options import main
from processes import peak_bytes, rss_bytes

MEGABYTE = 1_000_000
MANY, QUICK_MANY = 20, 4
BIG, QUICK_BIG = 200, 20


def same(x: Any) -> Any:
    return x


def array(megabytes: int) -> Any:
    """An array that nothing makes smaller."""
    numpy = importlib.import_module("numpy")
    return numpy.random.default_rng(0).integers(0, 255, megabytes * MEGABYTE, dtype=numpy.uint8)


def many(engine: Engine, count: int) -> Mapping[str, float]:
    """Arrays of 10 MB, all at once."""
    sent = array(10)
    begun = time.perf_counter()
    came = engine.results([engine.submit(same, sent) for _ in range(count)])
    seconds = time.perf_counter() - begun
    if not all(back.nbytes == sent.nbytes and (back[::9973] == sent[::9973]).all() for back in came):
        raise ValueError("an array came back changed")
    return {"many": 2 * count * 10 / seconds}


def big(engine: Engine, megabytes: int) -> Mapping[str, float]:
    """One array, and what it costs the program in memory beside the array itself."""
    sent, driver = array(megabytes), psutil.Process()
    before = rss_bytes(driver)
    begun = time.perf_counter()
    back = engine.result(engine.submit(same, sent))
    seconds = time.perf_counter() - begun
    extra = max(0, peak_bytes(driver) - before)
    if not (back == sent).all():
        raise ValueError("the array came back changed")
    return {"big": 2 * megabytes / seconds, "extra": extra / MEGABYTE}


def measure(name: str, case: str, quick: bool) -> Mapping[str, float]:
    """Megabytes per second, both directions counted."""
    engine = opened(name).warm(same, array(1)[:1000])
    if case == "many":
        return many(engine, QUICK_MANY if quick else MANY)
    return big(engine, QUICK_BIG if quick else BIG)


BENCHMARK = Benchmark(
    title="Data",
    file=__file__,
    measure=measure,
    cases=("many", "big"),
    engines=("htex", "parsl htex", "parsl htex tuned", "process pool", "mpire", "floor"),
    figures=(
        Figure("many", f"{MANY} arrays of 10 MB, MB/s", target=(Bound(1000),), goal=(Bound(1, "floor"),)),
        Figure("big", f"one array of {BIG} MB, MB/s", target=(Bound(300),), goal=(Bound(865),)),
        Figure("extra", f"extra memory of the driver for {BIG} MB, MB", "less", 0, (Bound(400),), (Bound(200),)),
    ),
    note="There and back, both directions counted. Extra memory is the peak above what was in use before the call, the "
    "array that was sent being there already and the one that came back not.",
)

if __name__ == "__main__":
    main(BENCHMARK)
