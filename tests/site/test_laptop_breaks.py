"""A laptop and its cluster: a connection that breaks and comes back loses nothing, whichever kind of channel it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.site.laptop import KINDS

if TYPE_CHECKING:
    from tests.site.conftest import Measure
    from tests.site.laptop import Laptop
    from tests.site.slurm import Slurm

pytest_plugins = ["tests.site.laptop_fixtures"]
TASKS = 40
TASK_S = 0.5
"""What two workers have to do for ten seconds: most of it is still to come when the connection breaks."""


@pytest.mark.parametrize("fault", ["reset", "cut", "move"])
def test_a_connection_that_comes_back_loses_nothing(fault: str, laptop: Laptop, slurm: Slurm, measure: Measure) -> None:
    """Two programs, one for each kind of channel, each with a block of its own."""
    programs = {kind: laptop.begin(laptop.plan(kind, "stream", seconds=TASK_S, tasks=TASKS)) for kind in KINDS}
    firsts = {kind: next(program) for kind, program in programs.items()}
    for kind, first in firsts.items():
        assert "job" in first, (kind, first)
        assert first["listening"] == ["127.0.0.1"], "nobody can connect to the laptop"
    broken = time.time()
    laptop.system(fault)
    if fault == "cut":
        time.sleep(5)  # what is tested is a cut of five seconds
        laptop.system("join")
    for kind, program in programs.items():
        (last,) = program
        measure.note(f"a connection breaks ({fault}, {kind}), to the end of 10 s of tasks", last["ended"] - broken)
        assert last["done"] == list(range(TASKS)), (kind, last)
        ended = last["states"], last["losses"], last["retries"]
        assert ended == ({"exec_done": TASKS}, 0, {}), (kind, last["notes"])
    assert {job.id for job in slurm.jobs()} == {first["job"] for first in firsts.values()}
    laptop.nothing_is_left()
