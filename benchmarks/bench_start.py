"""What it costs to begin: imports, and the time from the start of a process to its first result and to its end."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping

from benchmark import HTEX_AND_RIVALS, Benchmark
from engines import opened
from figure import Bound, Figure
from measurement import STARTED
from options import main

REPEATS = 7
FLOW = "import {0}, {0}.executors; from {0} import python_app, Config, HighThroughputExecutor"
IMPORTS = {
    "parsl htex": FLOW.format("parsl"),
    "htex": FLOW.format("parsl_like"),
    "process pool": "from concurrent.futures import ProcessPoolExecutor",
    "floor": "import zmq, cloudpickle, concurrent.futures.thread",
}
PARTS = {
    "package": "import parsl_like",
    "kernel": "from parsl_like import DataFlowKernel",
    "help": "import sys; sys.argv[1:] = ['--help']; from parsl_like.cli import main; main()",
}


def noop() -> None:
    return None


def cpu_ms(code: str) -> float:
    """CPU time of an interpreter that runs some code, in milliseconds; the median of some."""
    return statistics.median(_cpu_ms(code) for _ in range(REPEATS))


def _cpu_ms(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def modules(code: str) -> int:
    """How many modules some code loads."""
    count = "import sys; n = len(sys.modules); " + code + "; print(len(sys.modules) - n)"
    return int(subprocess.run([sys.executable, "-c", count], check=True, capture_output=True, text=True).stdout)


def imports(name: str) -> Mapping[str, float]:
    """Costs of imports, above those of a bare interpreter."""
    if name not in IMPORTS:
        return {}
    bare = cpu_ms("pass")
    values = {"import": cpu_ms(IMPORTS[name]) - bare, "modules": float(modules(IMPORTS[name]))}
    if name == "htex":
        values.update({part: cpu_ms(code) - bare for part, code in PARTS.items()})
    return values


def measure(name: str, case: str, quick: bool) -> Mapping[str, float]:
    """Imports, or the first result."""
    if case == "imports":
        return imports(name)
    engine = opened(name)
    engine.result(engine.submit(noop))
    return {"first": time.time() - float(os.environ[STARTED])}


BENCHMARK = Benchmark(
    title="Start",
    file=__file__,
    measure=measure,
    cases=("imports", "first"),
    engines=(*HTEX_AND_RIVALS, "mpire", "threads", "parsl threads", "thread pool"),
    figures=(
        Figure("first", "process start to first result, s", "less", 2, (Bound(0.9),), (Bound(0.5),)),
        Figure("first", "process start to first result, s, threads", "less", 2, subject="threads"),
        Figure("import", "import for a program, CPU ms", "less", 0, (Bound(100),), (Bound(60),)),
        Figure("modules", "import for a program, modules", "less", 0, (Bound(150),)),
        Figure("package", "import parsl_like alone, CPU ms", "less"),
        Figure("kernel", "import DataFlowKernel, CPU ms", "less"),
        Figure("help", "parsl-like --help, CPU ms", "less"),
    ),
    note=f"CPU time above that of an idle interpreter, medians of {REPEATS}. A program imports the package, "
    "its executors, python_app, Config and HighThroughputExecutor.",
)

if __name__ == "__main__":
    main(BENCHMARK)
