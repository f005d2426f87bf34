"""One line of JSON for each soak, and what people read while it runs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.soak.judge import Evidence, growth
from tests.soak.schedule import Fault, counted

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "benchmarks" / "SOAK.jsonl"
DOCUMENT = ROOT / "docs" / "internals" / "soak.md"

BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
HEAD = """\
| When (UTC) | Seed | Minutes | Faults | Tasks | Losses | Wrong | Driver, MB | Load | Verdict |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- |"""


def line(
    evidence: Evidence, *, seed: int, minutes: float, began: float, done: Sequence[Fault], missing: Mapping[str, str]
) -> dict[str, Any]:
    """The facts of a soak; the verdict is added by who knows it."""
    last: Mapping[str, Any] = evidence.reports[-1] if evidence.reports else {}
    closed: Mapping[str, Any] = evidence.closed or {}
    grown, seconds = growth(evidence.memory)
    memory = [size for _, size in evidence.memory]
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seed": seed,
        "minutes": minutes,
        "commit": _commit(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[1], 2),
        "faults": counted(done),
        "not_possible_here": sorted(missing),
        "tasks": last.get("tasks", 0),
        "lost": last.get("submitted", 0) - last.get("settled", 0),
        "twice": last.get("twice", 0),
        "wrong": len(last.get("wrong", ())),
        "runs": last.get("runs", 0) + closed.get("late_runs", 0),
        "retries": sum(closed.get("retries", {}).values()),
        "losses": closed.get("losses", 0),
        "rss_mb": [round(size / 1e6, 1) for size in (memory[:1] + memory[-1:])],
        "growth_mb": round(grown / 1e6, 2),
        "growth_seconds": round(seconds),
        "cleanup_seconds": closed.get("seconds"),
    }


def append(path: Path, facts: Mapping[str, Any]) -> None:
    """Add a line to the log of soaks."""
    with open(path, "a", encoding="utf-8") as log:
        log.write(json.dumps(facts) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a log of soaks; none if there is no log yet."""
    if not path.exists():
        return []
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines() if text]


def rewrite(document: Path, soaks: Sequence[Mapping[str, Any]]) -> None:
    """Put the table of all soaks into a document, between its two marks."""
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n{table(soaks)}\n{END}{after}", encoding="utf-8")


def table(soaks: Sequence[Mapping[str, Any]]) -> str:
    """One row for each soak, and the sum of those that held."""
    held = [soak for soak in soaks if soak["verdict"] == "held"]
    rows = [HEAD, *map(_row, soaks)]
    minutes, faults = sum(soak["minutes"] for soak in held), sum(sum(soak["faults"].values()) for soak in held)
    tasks, losses = sum(soak["tasks"] for soak in held), sum(soak["losses"] for soak in held)
    rows.append(f"| held, in all | | {minutes:g} | {faults:,} | {tasks:,} | {losses:,} | | | | |")
    return "\n".join(rows)


def _row(soak: Mapping[str, Any]) -> str:
    memory = " to ".join(f"{size:g}" for size in soak["rss_mb"])
    wrong = soak["lost"] + soak["twice"] + soak["wrong"]
    cells = (
        soak["when"].replace("T", " ").removesuffix("Z"),
        soak["seed"],
        f"{soak['minutes']:g}",
        f"{sum(soak['faults'].values()):,}",
        f"{soak['tasks']:,}",
        f"{soak['losses']:,}",
        wrong,
        memory,
        soak["load"],
        soak["verdict"],
    )
    return f"| {' | '.join(map(str, cells))} |"


def _commit() -> str:
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
