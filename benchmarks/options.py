"""The command line of `python benchmarks` and of each script."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engines import OPENERS

if TYPE_CHECKING:
    from benchmark import Benchmark

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        quick: Small sizes, one round, and nothing is written unless ``results`` was given: the figures mean little.
        engines: Only these; empty for all.
        repeats: Rounds; None for the benchmark's own number.
        results: The file to write, None for none.
    """

    quick: bool = False
    engines: tuple[str, ...] = ()
    repeats: int | None = None
    results: Path | None = RESULTS


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options that all have."""
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--quick", action="store_true", help="a short run, to see that it works; writes no results")
    made.add_argument("--engines", default="", help="only these, with commas between: htex,floor,parsl htex tuned")
    made.add_argument("--repeats", type=int, default=None, help="rounds of which the medians are taken")
    made.add_argument("--results", type=Path, default=None, help=f"file to write; {RESULTS.name} beside the scripts")
    return made


def options(given: argparse.Namespace) -> Options:
    """What was given."""
    names = tuple(name.strip() for name in given.engines.split(",") if name.strip())
    unknown = sorted(set(names) - set(OPENERS))
    if unknown:
        raise SystemExit(f"there is no engine {', '.join(unknown)}; there are {', '.join(OPENERS)}")
    return Options(given.quick, names, given.repeats, given.results or (None if given.quick else RESULTS))


def main(benchmark: Benchmark) -> None:
    """Run one benchmark, or, in the process that was made for it, measure one engine."""
    made = parser(benchmark.title)
    for hidden in ("--measure", "--case", "--values"):
        made.add_argument(hidden, default="", help=argparse.SUPPRESS)
    given = made.parse_args()
    if given.measure:
        from measurement import measure_here

        arguments = {"engine": given.measure, "case": given.case, "values": given.values, "quick": given.quick}
        measure_here(benchmark.measure, arguments)
    else:
        from benchmark import run

        run(benchmark, options(given))
