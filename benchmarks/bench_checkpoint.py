"""What a checkpoint costs: the throughput of tasks that are remembered, and loading a million results."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from benchmark import Benchmark
from engines import WORKERS
from figure import Bound, Figure
from options import main
from processes import Usage

TASKS, QUICK_TASKS = 10_000, 300
BURSTS = 5
RESULTS, QUICK_RESULTS = 1_000_000, 5_000
LOOKUPS = 2_000
AT_ONCE = 1_000

LOADER = """
import json, sys, time
from parsl_like.memo.store import Store

store = Store(sys.argv[1] + "/none", [sys.argv[1]])
begun, used = time.perf_counter(), time.process_time()
loaded = store.load()
load, cpu = time.perf_counter() - begun, time.process_time() - used
keys = sys.stdin.read().split()
begun = time.perf_counter()
for key in keys:
    store.value(key)
lookup = (time.perf_counter() - begun) / len(keys)
with open("/proc/self/status") as status:
    most = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
print(json.dumps([loaded.results, load, cpu, 1e6 * lookup, most]))
"""


def nothing(_number: int) -> None:
    return None


# --- throughput


def kernel(engine: str) -> Any:
    """A kernel that writes a result when its task ends, with as many workers as all engines have."""
    import parsl_like
    from parsl_like import Config, HighThroughputExecutor, ThreadPoolExecutor
    from parsl_like.dataflow.memoization import BasicMemoizer
    from parsl_like.providers import LocalProvider

    executor: Any
    if engine == "threads":
        executor = ThreadPoolExecutor(max_threads=WORKERS)
    else:
        block = LocalProvider(init_blocks=1, max_blocks=1)
        executor = HighThroughputExecutor(
            label="htex", address="127.0.0.1", max_workers_per_node=WORKERS, provider=block
        )
    memoizer = BasicMemoizer(checkpoint_mode="task_exit")
    return parsl_like.load(Config(executors=[executor], memoizer=memoizer, run_dir=tempfile.mkdtemp()))


def burst(app: Any, first: int, count: int) -> tuple[float, float, float]:
    """Tasks per second, and microseconds of CPU for each: in all processes, and in the program's own."""
    with Usage() as used:
        begun, own = time.perf_counter(), time.process_time()
        futures = [app(number) for number in range(first, first + count)]
        for future in futures:
            future.result()
        seconds, own = time.perf_counter() - begun, time.process_time() - own
    return count / seconds, 1e6 * used.total / count, 1e6 * own / count


def throughput(engine: str, quick: bool) -> dict[str, float]:
    """Bursts of tasks that are remembered, in turns with bursts of the same tasks that are not."""
    from parsl_like import python_app

    count, first = QUICK_TASKS if quick else TASKS, 0
    found: dict[str, list[tuple[float, float, float]]] = {"plain": [], "kept": []}
    with kernel(engine) as running:
        apps = {"plain": python_app(nothing), "kept": python_app(nothing, cache=True)}
        for app in apps.values():
            burst(app, -QUICK_TASKS, QUICK_TASKS)
        for _ in range(1 if quick else BURSTS):
            for name, app in apps.items():
                found[name].append(burst(app, first, count))
                first += count
        path = os.path.join(running.run_dir, "checkpoint", "tasks.pkl")
    plain, kept = (tuple(map(statistics.median, zip(*bursts, strict=True))) for bursts in found.values())
    lost = 100 * (1 - kept[0] / plain[0])
    if engine == "threads":
        return {"on threads": plain[0], "kept on threads": kept[0], "lost on threads": lost}
    return {
        "plain": plain[0],
        "kept": kept[0],
        "lost": lost,
        "cpu": kept[1] - plain[1],
        "own cpu": kept[2] - plain[2],
        "bytes": os.path.getsize(path) / (len(found["kept"]) * count + QUICK_TASKS),
    }


# --- loading


def key(number: int) -> str:
    return "b2:" + hashlib.blake2b(b"%d" % number, digest_size=20).hexdigest()


def loading(quick: bool) -> dict[str, float]:
    """A checkpoint of small results, written here and read in another process."""
    from parsl_like.memo.store import Entry, Store

    count = QUICK_RESULTS if quick else RESULTS
    folder = tempfile.mkdtemp()
    parts = tuple((label, b"d" * 16) for label in ("name", "function", "argument 0", "argument 1"))
    store = Store(folder)
    begun = time.process_time()
    for first in range(0, count, AT_ONCE):
        numbers = range(first, first + AT_ONCE)
        store.add([Entry(key(number), parts, "app", number, {"number": number}) for number in numbers])
    store.flush()
    written = time.process_time() - begun
    store.close()
    asked = "\n".join(key(number) for number in range(0, count, max(1, count // LOOKUPS)))
    command = [sys.executable, "-c", LOADER, folder]
    said = subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout
    results, load, cpu, lookup, most = json.loads(said)
    if results != count:
        raise RuntimeError(f"{results} of {count} results were loaded")
    return {"written": 1e6 * written / count, "load": load, "load cpu": cpu, "lookup": lookup, "most": most}


def measure(_name: str, case: str, quick: bool) -> Mapping[str, float]:
    """One of the cases."""
    return loading(quick) if case == "loading" else throughput(case, quick)


BENCHMARK = Benchmark(
    title="Checkpoint",
    file=__file__,
    measure=measure,
    engines=("htex",),
    cases=("htex", "threads", "loading"),
    figures=(
        Figure("plain", "tasks/s that are not remembered"),
        Figure("kept", "tasks/s that are remembered and written (task_exit)"),
        Figure("lost", "loss of throughput, %", "less", 1, (Bound(15),)),
        Figure("cpu", "CPU us more per task, all processes", "less", 1),
        Figure("own cpu", "CPU us more per task, the program's process", "less", 1),
        Figure("on threads", "tasks/s on threads that are not remembered"),
        Figure("kept on threads", "tasks/s on threads that are remembered and written"),
        Figure(
            "lost on threads", "loss of throughput on threads, which run no-ops in the program itself, %", "less", 1
        ),
        Figure("bytes", "bytes per result on disk", "less"),
        Figure("written", f"{RESULTS:,} results: CPU us to write one, with making it", "less", 1),
        Figure("load", f"{RESULTS:,} results: seconds to load", "less", 1, (Bound(10),)),
        Figure("load cpu", f"{RESULTS:,} results: CPU seconds to load", "less", 1),
        Figure("most", f"{RESULTS:,} results: peak memory of the process, MB", "less", 0, (Bound(400),)),
        Figure("lookup", "us to get one result from the disk", "less", 1),
    ),
    note=f"Bursts of {TASKS:,} no-op tasks of one argument, remembered and not, in turns in one run. A checkpoint of "
    f"{RESULTS:,} small results with four parts of a key each, loaded by a process that does nothing else.",
)

if __name__ == "__main__":
    main(BENCHMARK)
