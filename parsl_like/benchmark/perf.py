"""``python -m parsl_like.benchmark.perf``: what ``python -m parsl.benchmark.perf`` becomes."""

from __future__ import annotations

import sys

from parsl_like.cli.aliases import perf

if __name__ == "__main__":
    sys.exit(perf())
