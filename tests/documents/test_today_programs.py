"""Every program of today's guide runs after the substitution, on every executor that it leaves open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.documents.running import Run, examples, runs_of, spellings

CHAPTERS = (
    "today/front_page",
    "today/quickstart",
    "today/tutorial",
    "today/overview",
    "today/apps_python",
    "today/apps_bash",
    "today/apps_mpi",
    "today/apps_join",
    "today/workflows",
    "today/futures",
    "today/patterns",
    "today/errors",
    "today/lifted",
    "today/checkpoints",
    "today/concurrent",
    "today/logging",
    "today/config",
    "today/execution",
    "today/elasticity",
    "today/pinning",
    "today/encryption",
    "today/data",
    "today/heterogeneous",
    "today/addresses",
    "today/launchers",
    "today/sites",
    "today/modularizing",
    "today/monitoring",
    "today/plugins",
    "today/perf",
    "today/usage",
    "today/faq",
)

BROKEN: dict[str, dict[str, str]] = {}
"""Runs that fail although their examples should run, by chapter, and why."""

pytestmark = pytest.mark.timeout(180)


def runs() -> list[Any]:
    """Each way to run each program, named after its chapter."""
    return [
        param._replace(id=f"{chapter.partition('/')[2]}-{param.id}")
        for chapter in CHAPTERS
        for param in runs_of(chapter, BROKEN.get(chapter))
    ]


def test_no_chapter_is_left_out() -> None:
    assert {example.chapter for example in examples("today")} == set(CHAPTERS)


@pytest.mark.parametrize("run", runs())
def test_program(run: Run, request: pytest.FixtureRequest) -> None:
    for source in run.program.parent.glob("*/*.py"):  # a package beside the program
        text = source.read_text(encoding="utf-8")
        spelled = spellings(text)
        target = Path.cwd() / source.relative_to(run.program.parent)
        target.parent.mkdir(exist_ok=True)
        target.write_text(spelled.get(run.spelling, spelled.get("both", text)), encoding="utf-8")
    fetches = "DOCUMENTS_" in run.program.read_text(encoding="utf-8")
    run.check(request.getfixturevalue("servers") if fetches else None)
