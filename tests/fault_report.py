"""Gathers what the tests marked ``fault`` measured: ``pytest -p tests.fault_report``.

``--fault-table FILE`` rewrites the table in FILE, between its two marks; ``--fault-log FILE`` adds a line to FILE.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
HEAD = """\
| Component | Fault | What happens | Bound, s | Measured, s | Test |
| --- | --- | --- | ---: | ---: | --- |"""
ORDER = (
    "task",
    "worker",
    "manager",
    "interchange",
    "driver",
    "dataflow kernel",
    "network",
    "security",
    "clock",
    "provider",
    "disk",
    "checkpoint",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", metavar="FILE", help="the document whose table of faults is to be rewritten")
    parser.addoption("--fault-log", metavar="FILE", help="takes a line about this run")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # with xdist, the workers' reports come together in the main process
        config.pluginmanager.register(Gatherer(config), "fault-gatherer")


class Gatherer:
    """Keeps the slowest measurement of each test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began = time.time()
        self._rows: dict[str, dict[str, Any]] = {}
        self._counts = {"passed": 0, "failed": 0, "skipped": 0}
        self._failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._counts[report.outcome] += 1
            if report.failed:
                self._failed.append(report.nodeid)
        for name, value in report.user_properties:
            if name == "fault" and report.when == "teardown" and report.nodeid not in self._failed:
                facts = json.loads(str(value))
                test = report.nodeid.partition("[")[0]
                row = self._rows.setdefault(test, {**facts, "test": test})
                row["seconds"] = max(row["seconds"], facts["seconds"])

    def pytest_sessionfinish(self) -> None:
        if path := self._config.getoption("--fault-table"):
            rewrite(Path(path), self._rows.values())
        if path := self._config.getoption("--fault-log"):
            with open(path, "a", encoding="utf-8") as log:
                log.write(json.dumps(self._summary()) + "\n")

    def _summary(self) -> dict[str, Any]:
        tight = max(self._rows.values(), key=_used, default=None)
        return {
            "when": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self._began)),
            "seconds": round(time.time() - self._began),
            "factor": float(os.environ.get("PARSL_LIKE_FAULTS_FACTOR", "1")),
            "load": round(os.getloadavg()[1], 2),
            **self._counts,
            "tightest": f"{_used(tight):.0%} of the bound: {tight['test']}" if tight else "",
            "failures": self._failed,
        }


def _used(row: dict[str, Any]) -> float:
    return row["seconds"] / row["bound"] if row["bound"] else 0.0


def rewrite(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Put the rows between the marks of a document."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    found = sorted(rows, key=lambda row: (ORDER.index(row["component"]), row["fault"]))
    lines = [HEAD, *map(_line, found)]
    path.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")


def _line(row: dict[str, Any]) -> str:
    bound = f"{row['bound']:g}" if row["bound"] else "-"
    file, _, name = row["test"].partition("::")
    test = f"`{file.removeprefix('tests/')}` `{name.rpartition('::')[2]}`"
    return f"| {row['component']} | {row['fault']} | {row['expect']} | {bound} | {row['seconds']:.1f} | {test} |"
