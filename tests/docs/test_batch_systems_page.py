"""The guide's table of states says what the providers' tables say."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from parsl_like.core.job_states import JobState

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "batch-systems.md"
MODULES = {
    "Slurm": "parsl_like.providers.slurm.answers",
    "PBS Pro": "parsl_like.providers.pbspro.pbspro",
    "Torque": "parsl_like.providers.torque.torque",
}


def shown() -> dict[str, dict[str, JobState]]:
    """By batch system, what the page says of each code."""
    page = PAGE.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    head = rows.index(["State", *MODULES])
    table: dict[str, dict[str, JobState]] = {system: {} for system in MODULES}
    for row in rows[head + 2 :]:
        if row[0] not in JobState.__members__:
            break
        for system, cell in zip(MODULES, row[1:], strict=True):
            table[system] |= dict.fromkeys(re.findall(r"`(\w+)`", cell), JobState[row[0]])
    return table


@pytest.mark.parametrize("system", MODULES)
def test_the_table_of_states(system: str) -> None:
    assert shown()[system] == importlib.import_module(MODULES[system]).STATES
