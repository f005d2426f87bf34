"""A laptop and its cluster: a connection that is gone for good is told, and leaves nothing on either side."""

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


def forget_connections(laptop: Laptop) -> None:
    """What the server does by itself when it notices; with the cable plugged in that may take it two more minutes."""
    laptop.system("up")
    laptop.system("reset")


@pytest.mark.parametrize("fault", ["refuse", "cut"])
def test_a_connection_that_is_gone_for_good(fault: str, laptop: Laptop, slurm: Slurm, measure: Measure) -> None:
    """Two programs, one for each kind of channel, each with a block of its own."""
    options = {"seconds": 1, "tasks": 200, "heartbeat_threshold": 10}
    programs = {kind: laptop.begin(laptop.plan(kind, "lose", **options)) for kind in KINDS}
    firsts = {kind: next(program) for kind, program in programs.items()}
    for kind, first in firsts.items():
        assert "job" in first, (kind, first)
    began = time.time()
    laptop.system(fault)
    for kind, program in programs.items():
        (last,) = program
        measure.note(f"{kind}: {fault} for good, to the error", last["ended"] - began, 90)
        text = "\n".join(last["error"])
        assert f"{laptop.facts['LAPTOP_LOGIN']}: the connection failed" in text, (kind, text)
    measure.since(f"{fault} for good, to the end of the programs", began, 90)
    slurm.until(lambda: not slurm.live(), "the end of the blocks, which nobody could end", seconds=60)
    measure.since(f"{fault} for good, to no job", began, 90)
    laptop.nothing_is_left()
    measure.since(f"{fault} for good, to nothing left on either side", began, 120)
    forget_connections(laptop)
    laptop.nothing_is_left()


@pytest.mark.slow
def test_tasks_fail_with_the_reason_when_it_is_gone_for_long(laptop: Laptop, slurm: Slurm, measure: Measure) -> None:
    """Two minutes after the last block was lost; until then it might come back."""
    options = {"seconds": 1, "tasks": 400, "heartbeat_threshold": 10}
    programs = {kind: laptop.begin(laptop.plan(kind, "stream", **options)) for kind in KINDS}
    for kind, program in programs.items():
        first = next(program)
        assert "job" in first, (kind, first)
    began = time.time()
    laptop.system("cut")
    for kind, program in programs.items():
        (last,) = program
        measure.note(f"{kind}: cut for good, to the failure of all tasks", last["ended"] - began, 240)
        text = "\n".join(last.get("failed", last.get("error", [])))
        assert "SSHException" in text, (kind, last)
        assert f"{laptop.facts['LAPTOP_LOGIN']}: the connection failed" in text, (kind, text)
    slurm.until(lambda: not slurm.live(), "the end of the blocks, which nobody could end", seconds=60)
    laptop.nothing_is_left()
    forget_connections(laptop)
    laptop.nothing_is_left()
