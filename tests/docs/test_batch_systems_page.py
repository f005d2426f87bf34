"""The guide's tables of states say what the providers' tables say."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from parsl_like.core.job_states import JobState

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "batch-systems.md"
TABLES = (
    {
        "Slurm": "parsl_like.providers.slurm.answers",
        "PBS Pro": "parsl_like.providers.pbspro.pbspro",
        "Torque": "parsl_like.providers.torque.torque",
    },
    {
        "LSF": "parsl_like.providers.lsf.answers",
        "Cobalt": "parsl_like.providers.cobalt.answers",
        "HTCondor": "parsl_like.providers.condor.answers",
    },
)


def shown(systems: dict[str, str]) -> dict[str, dict[str, JobState]]:
    """By batch system, what the page says of each code."""
    page = PAGE.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    head = rows.index(["State", *systems])
    table: dict[str, dict[str, JobState]] = {system: {} for system in systems}
    for row in rows[head + 2 :]:
        if row[0] not in JobState.__members__:
            break
        for system, cell in zip(systems, row[1:], strict=True):
            table[system] |= dict.fromkeys(re.findall(r"`(\w+)`", cell), JobState[row[0]])
    return table


@pytest.mark.parametrize(("systems", "system"), [(systems, system) for systems in TABLES for system in systems])
def test_the_table_of_states(systems: dict[str, str], system: str) -> None:
    states = importlib.import_module(systems[system]).STATES
    assert shown(systems)[system] == {str(code): state for code, state in states.items()}
