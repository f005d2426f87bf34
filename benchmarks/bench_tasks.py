"""Throughput, round trip, chain and fan-in of no-op tasks, on every engine that can run here."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import report

TASKS = int(os.environ.get("BENCH_TASKS", "10000"))
REPEATS = 3
ENGINES = ("threads", "htex", "process pool", "parsl threads", "parsl htex")
PEERS = os.environ.get("PEERS_PYTHON", "")


def noop() -> None:
    return None


def increment(x: int) -> int:
    return x + 1


def total(inputs: Any = ()) -> int:
    return sum(inputs)


def open_engine(name: str) -> tuple[Callable[..., Any], bool]:
    """A function that submits, and whether futures may be arguments."""
    if name == "process pool":
        from concurrent.futures import ProcessPoolExecutor

        return ProcessPoolExecutor(2).submit, False
    module = "parsl" if name.startswith("parsl ") else "parsl_like"
    import importlib

    engine = importlib.import_module(module)
    executors = importlib.import_module(f"{module}.executors")
    providers = importlib.import_module(f"{module}.providers")
    config = importlib.import_module(f"{module}.config").Config
    if name.endswith("threads"):
        executor = executors.ThreadPoolExecutor(max_threads=2)
    else:
        provider = providers.LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
        executor = executors.HighThroughputExecutor(
            label="htex", address="127.0.0.1", max_workers_per_node=2, provider=provider
        )
    engine.load(config(executors=[executor], run_dir=os.path.join(tempfile.mkdtemp(), "runs")))
    apps: dict[Any, Any] = {}

    def submit(function: Any, *args: Any, **kwargs: Any) -> Any:
        app = apps.get(function)
        if app is None:
            app = apps[function] = engine.python_app(function)
        return app(*args, **kwargs)

    return submit, True


def throughput(submit: Callable[..., Any], count: int) -> tuple[float, float]:
    """Tasks per second in all, and submitted per second."""
    begun = time.perf_counter()
    futures = [submit(noop) for _ in range(count)]
    submitted = time.perf_counter()
    for future in futures:
        future.result()
    return count / (time.perf_counter() - begun), count / (submitted - begun)


def round_trips(submit: Callable[..., Any], count: int = 300) -> tuple[float, float]:
    """Median and 99th percentile of one task after another, in milliseconds."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        submit(noop).result()
        times.append(1e3 * (time.perf_counter() - begun))
    times.sort()
    return times[count // 2], times[int(count * 0.99)]


def chain(submit: Callable[..., Any], length: int = 1000) -> float:
    """Tasks per second of a chain."""
    begun = time.perf_counter()
    future = submit(increment, 0)
    for _ in range(length - 1):
        future = submit(increment, future)
    if future.result() != length:
        raise RuntimeError("the chain has a wrong result")
    return length / (time.perf_counter() - begun)


def fan(submit: Callable[..., Any], width: int) -> float:
    """Tasks per second of many tasks whose results one task adds up."""
    begun = time.perf_counter()
    parts = [submit(increment, i) for i in range(width)]
    if submit(total, inputs=parts).result() != width * (width + 1) // 2:
        raise RuntimeError("the sum is wrong")
    return width / (time.perf_counter() - begun)


def measure(name: str) -> dict[str, float]:
    """All figures of one engine; medians of repeats."""
    submit, native = open_engine(name)
    throughput(submit, 100)
    count = min(TASKS, max(300, int(5 * throughput(submit, 300)[0])))
    rates, rounds = [], []
    for _ in range(REPEATS):
        rates.append(throughput(submit, count))
        rounds.append(round_trips(submit))
    figures = {
        "tasks/s": statistics.median(r[0] for r in rates),
        "submitted/s": statistics.median(r[1] for r in rates),
        "p50 ms": statistics.median(r[0] for r in rounds),
        "p99 ms": statistics.median(r[1] for r in rounds),
    }
    if native:
        figures["chain/s"] = statistics.median(chain(submit) for _ in range(REPEATS))
        figures["fan/s"] = statistics.median(fan(submit, min(5000, count)) for _ in range(REPEATS))
    figures["driver MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def in_child(name: str) -> dict[str, float] | None:
    """The figures of an engine from a fresh process and everything it left behind ended."""
    python = PEERS if name.startswith("parsl ") else sys.executable
    if not python:
        return None
    child = subprocess.Popen(
        [python, __file__, name],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=tempfile.mkdtemp(),
        env={**os.environ, "PATH": os.path.dirname(python) + os.pathsep + os.environ["PATH"]},
    )
    try:
        out, _ = child.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        out = ""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    lines = [line for line in out.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else None


def main() -> None:
    """Measure every engine that is there and add the table to the results."""
    found = {name: figures for name in ENGINES if (figures := in_child(name))}
    columns = ("tasks/s", "submitted/s", "p50 ms", "p99 ms", "chain/s", "fan/s", "driver MB")
    rows = []
    for name, figures in found.items():
        shown = [f"{figures[c]:,.2f}" if "ms" in c else f"{figures[c]:,.0f}" if c in figures else "" for c in columns]
        rows.append((name, *shown))
    report.write("No-op tasks, two workers", ("engine", *columns), rows, f"{TASKS} tasks at most.")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])), flush=True)
        os.killpg(0, signal.SIGKILL)  # figures are out; helpers that hold the pipe would keep the parent waiting
    main()
