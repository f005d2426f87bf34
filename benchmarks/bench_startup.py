"""What it costs to begin: CPU time of imports and of `parsl-like --help`, and the modules they load."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import report

REPEATS = 7
CASES = {
    "bare interpreter": "pass",
    "import parsl_like": "import parsl_like",
    "import Config and python_app": "from parsl_like import Config, python_app",
    "import DataFlowKernel": "from parsl_like import DataFlowKernel",
    "import HighThroughputExecutor": "from parsl_like import HighThroughputExecutor",
    "parsl-like --help": "import sys; sys.argv[1:] = ['--help']; from parsl_like.cli import main; main()",
}


def cpu_ms(code: str) -> float:
    """CPU time of an interpreter that runs some code, in milliseconds."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL)
    after = os.times()
    return 1e3 * (after.children_user + after.children_system - before.children_user - before.children_system)


def modules(code: str) -> int:
    """How many modules some code leaves loaded."""
    wrapped = f"import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr)); {code}"
    done = subprocess.run([sys.executable, "-c", wrapped], check=False, capture_output=True, text=True)
    return int(done.stderr.split()[-1])


def main() -> None:
    """Measure every case and add the table to the results."""
    rows = []
    bare = 0.0
    for name, code in CASES.items():
        cpu_ms(code)
        spent = statistics.median(cpu_ms(code) for _ in range(REPEATS))
        bare = bare or spent
        rows.append((name, f"{spent:.0f}", f"{spent - bare:.0f}", str(modules(code))))
    report.write("Start", ("case", "CPU ms", "above a bare interpreter", "modules"), rows)


if __name__ == "__main__":
    main()
