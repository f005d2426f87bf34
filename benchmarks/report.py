"""The file of results: a section for each benchmark, replaced when it runs again, and one that sums targets up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import machine
from figure import RIVALS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmark import Outcome
    from figure import Figure, Results
    from options import Options

HEAD = """# Results

Written by `make bench`; a section is replaced when its benchmark runs again. Behind a figure of another engine stands
in brackets how many times better ours is: above 1 is better, whether more or less of it is wanted. Machines differ and
are noisy, so the ratios count, and only within one section. The floor is a program of pyzmq without features
(`floor.py`); for the threads executor it is the standard library's thread pool.
"""
SUMMARY = "Targets"
ANSWERS = {True: "yes", False: "**no**", None: ""}


def add_section(outcome: Outcome, repeats: int, options: Options) -> None:
    """Print a benchmark's table, and put it into the file of results if there is to be one."""
    benchmark = outcome.benchmark
    how = f"median of {repeats} runs" if repeats > 1 else "one run"
    about = [f"{machine.description()}; {how}; {outcome.load}.{' Quick: sizes are tiny.' if options.quick else ''}"]
    if benchmark.note:
        about.append(benchmark.note)
    about += [f"- {remark}" for remark in dict.fromkeys(outcome.remarks)]
    columns = [
        column
        for column in dict.fromkeys(column for rivals in RIVALS.values() for column in rivals)
        if any(figure.rival(column, outcome.results) is not None for figure in benchmark.figures)
    ]
    header = ("figure", "parsl_like", *columns, "target", "met")
    rows = [_row(figure, columns, outcome.results) for figure in benchmark.figures]
    _put(benchmark.title, [*about, table(header, rows)], options.results)


def add_summary(outcomes: Iterable[Outcome], options: Options) -> None:
    """A table of all targets, at the top of the file of results."""
    rows = []
    for outcome in outcomes:
        for figure in outcome.benchmark.figures:
            if figure.target:
                rows.append((outcome.benchmark.title, *_verdict(figure, outcome.results)))
    header = ("benchmark", "figure", "parsl_like", "target", "met", "goal", "reached")
    about = "Of the last complete run. The goal is where this is going; 100 % is there."
    _put(SUMMARY, [f"{machine.description()}. {about}", table(header, rows)], options.results)


def _row(figure: Figure, columns: Sequence[str], results: Results) -> Sequence[str]:
    cells = [figure.label, shown(figure.own(results), figure.digits)]
    for column in columns:
        value = figure.rival(column, results)
        cell = shown(value, figure.digits)
        times = None if value is None else figure.times_better(value, results)
        cells.append(cell if times is None else f"{cell} ({times:.3g} x)")
    return (*cells, figure.limits(figure.target), ANSWERS[figure.met(figure.target, results)])


def _verdict(figure: Figure, results: Results) -> Sequence[str]:
    reached = figure.reached(figure.goal, results)
    return (
        figure.label,
        shown(figure.own(results), figure.digits),
        figure.limits(figure.target),
        ANSWERS[figure.met(figure.target, results)],
        figure.limits(figure.goal),
        "" if reached is None else f"{100 * reached:.0f} %",
    )


def shown(value: float | None, digits: int) -> str:
    """A value for the reader."""
    return "" if value is None else f"{value:,.{digits}f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def begin(results: Path | None) -> None:
    """Empty the file of results."""
    if results is not None:
        results.write_text(HEAD, encoding="utf-8")


def _put(title: str, paragraphs: Sequence[str], results: Path | None) -> None:
    section = f"## {title}\n\n" + "\n\n".join(paragraphs) + "\n"
    print(section, flush=True)
    if results is None:
        return
    text = results.read_text(encoding="utf-8") if results.exists() else HEAD
    pattern = re.compile(rf"## {re.escape(title)}\n.*?(?=\n## |\Z)", re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: section, text)
    elif title == SUMMARY and "\n## " in text:
        text = text.replace("\n## ", f"\n{section}\n## ", 1)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    results.write_text(text, encoding="utf-8")
