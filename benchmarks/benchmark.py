"""A benchmark: its engines, its figures, and how one engine is measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import engines
import machine
import report
from measurement import Failed, measure_apart

if TYPE_CHECKING:
    from figure import Figure
    from options import Options

Measure = Callable[[str, str, bool], Mapping[str, float]]
"""Measures an engine: its name, the case, whether to be quick; gives values by key."""

HTEX_AND_RIVALS = ("htex", "parsl htex", "parsl htex tuned", "process pool", "floor")


@dataclass(frozen=True)
class Benchmark:
    """Something to measure on several engines.

    Attributes:
        title: Heading of its section in the results.
        file: The script; it is run again for each measurement.
        figures: Lines of its table.
        measure: Measures one engine, in a process of its own.
        engines: Those to measure.
        cases: Each is measured in a process of its own.
        repeats: How often; the medians count.
        seconds: A measurement that takes longer is given up.
        note: What a reader has to know.
    """

    title: str
    file: str
    figures: Sequence[Figure]
    measure: Measure
    engines: Sequence[str] = HTEX_AND_RIVALS
    cases: Sequence[str] = ("",)
    repeats: int = 3
    seconds: float = 300.0
    note: str = ""


@dataclass
class Outcome:
    """What came of a benchmark.

    Attributes:
        benchmark: Which one.
        results: Medians by engine and key.
        remarks: Engines that are missing or failed, and why.
        load: How busy the machine was before.
    """

    benchmark: Benchmark
    load: str
    results: dict[str, dict[str, float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def run(benchmark: Benchmark, options: Options) -> Outcome:
    """Measure every engine that is there, one after another in each round, and write the section of the results."""
    outcome = Outcome(benchmark, machine.load())
    pythons = dict(_interpreters(benchmark, options, outcome))
    repeats = options.repeats or (1 if options.quick else benchmark.repeats)
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(repeats):
        for name, python in list(pythons.items()):
            for case in benchmark.cases:
                try:
                    values = measure_apart(benchmark.file, python, name, case, options.quick, benchmark.seconds)
                except Failed as failure:
                    outcome.remarks.append(f"{name}{f' ({case})' if case else ''} failed: {failure}")
                    continue
                for key, value in values.items():
                    found.setdefault(name, {}).setdefault(key, []).append(value)
    for name, lists in found.items():
        outcome.results[name] = {key: statistics.median(values) for key, values in lists.items()}
    report.add_section(outcome, repeats, options)
    return outcome


def _interpreters(benchmark: Benchmark, options: Options, outcome: Outcome) -> Iterator[tuple[str, str]]:
    for name in benchmark.engines:
        if options.engines and name not in options.engines:
            continue
        python = engines.interpreter(name)
        if python is None:
            outcome.remarks.append(f"{name} is left out: not installed, or not where PEERS_PYTHON says")
        else:
            yield name, python
