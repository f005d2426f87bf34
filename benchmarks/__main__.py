"""Every benchmark, one after another, and a summary of the targets: ``python benchmarks [names]``."""

from __future__ import annotations

import importlib

import report
from benchmark import run
from options import options, parser

NAMES = (
    "throughput",
    "round_trip",
    "hops",
    "chain",
    "fan_in",
    "data",
    "memory",
    "start",
    "idle",
    "mixed",
    "growth",
    "blocks",
    "tunnel",
    "checkpoint",
)


def main() -> None:
    """Run all of them, or those that are named."""
    made = parser(__doc__)
    made.add_argument("names", nargs="*", metavar="name", help=f"some of {', '.join(NAMES)}; all if none is named")
    given = made.parse_args()
    unknown = sorted(set(given.names) - set(NAMES))
    if unknown:
        made.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    how = options(given)
    if not given.names:
        report.begin(how.results)
    outcomes = [
        run(importlib.import_module(f"bench_{name}").BENCHMARK, how)
        for name in NAMES
        if not given.names or name in given.names
    ]
    if not given.names:
        report.add_summary(outcomes, how)


if __name__ == "__main__":
    main()
