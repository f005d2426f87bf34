"""The provider for Slurm keeps the contract of providers, on a real one."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.core.ports import BlockRequest
from parsl_like.launchers import SrunLauncher
from parsl_like.providers import SlurmProvider
from parsl_like.testing.contracts import ProviderContract
from tests.site.slurm import request, session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.site.conftest import Measure
    from tests.site.slurm import Slurm

WAIT = 150


@pytest.mark.usefixtures("slurm")
class TestSlurmProvider(ProviderContract):
    def make_provider(self, **options: object) -> SlurmProvider:
        return SlurmProvider(exclusive=False, **options)


def test_srun_starts_a_command_on_each_node_as_often_as_wanted(slurm: Slurm, tmp_path: Path) -> None:
    command = f'echo "$SLURMD_NODENAME $SLURM_PROCID" >> "{tmp_path}/seen"'
    with closing(session(tmp_path, nodes_per_block=3, launcher=SrunLauncher())) as ours:
        job = ours.submit(BlockRequest(BlockId("0"), command, tasks_per_node=2))
        slurm.until(lambda: not slurm.live(), "its end")
        report = ours.status([job])[job]
    assert (report.state, report.exit_code) == (JobState.COMPLETED, 0)
    seen = [line.split() for line in (tmp_path / "seen").read_text().splitlines()]
    assert sorted(node for node, _ in seen) == ["n1", "n1", "n2", "n2", "n3", "n3"]
    assert sorted(int(copy) for _, copy in seen) == [0, 1, 2, 3, 4, 5]


def test_the_walltime_is_the_reason(slurm: Slurm, tmp_path: Path, measure: Measure) -> None:
    began, pause = time.time(), threading.Event()
    with closing(session(tmp_path, walltime="00:01:00")) as ours:
        job = ours.submit(request("trap '' TERM; sleep 600"))
        while (report := ours.status([job])[job]).state not in TERMINAL_STATES:
            assert time.time() - began < WAIT, report
            pause.wait(0.5)
    measure.since("a job of one minute, to its end", began)
    assert report.state is JobState.TIMEOUT
    slurm.until(lambda: not slurm.live(), "its end")


def test_the_batch_system_judges_a_script(slurm: Slurm, tmp_path: Path) -> None:
    with closing(session(tmp_path)) as ours:
        assert ours.judge(request("true")).exit_code == 0
    with closing(session(tmp_path, partition="nope")) as ours:
        said = ours.judge(request("true"))
    assert said.exit_code != 0
    assert "nvalid partition" in said.stderr
    assert slurm.jobs() == []
