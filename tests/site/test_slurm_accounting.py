"""The provider for Slurm where there is an accounting to ask: slurmdbd and its database take a while to come up."""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from parsl_like.core.job_states import JobState
from parsl_like.providers import SlurmProvider
from parsl_like.testing.contracts import ProviderContract
from tests.site.slurm import Slurm, request, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.site.conftest import Measure
    from tests.site.system import System

pytestmark = pytest.mark.slow


@pytest.fixture
def accounted(bring_up: Callable[..., System]) -> Iterator[Slurm]:
    """A Slurm that forgets jobs soon after their end, and has an accounting that does not."""
    system = bring_up("slurm", SITE_ACCOUNTING=1, SITE_MIN_JOB_AGE=2)
    os.environ |= system.environment()
    slurm = Slurm(system)
    yield slurm
    slurm.is_left_empty()


@pytest.mark.usefixtures("accounted")
class TestSlurmProvider(ProviderContract):
    def make_provider(self, **options: object) -> SlurmProvider:
        return SlurmProvider(exclusive=False, **options)


def test_jobs_that_slurmctld_has_forgotten(accounted: Slurm, tmp_path: Path, measure: Measure) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    with closing(session(tmp_path / "theirs")) as theirs:
        failed, cancelled = theirs.submit(request("exit 4")), theirs.submit(request("sleep 600", 1))
        accounted.until(lambda: cancelled in {job.id for job in accounted.running()}, "its start")
        theirs.cancel([cancelled])
    began = time.time()
    accounted.until(lambda: not accounted.jobs(), "Slurm's forgetting", seconds=240)
    measure.since("the end of jobs, to slurmctld's forgetting them", began)
    with closing(session(tmp_path / "ours")) as ours:  # without the files of these jobs, there is only sacct to ask
        reports = ours.status([failed, cancelled])
    assert (reports[failed].state, reports[failed].exit_code) == (JobState.FAILED, 4)
    assert reports[cancelled].state is JobState.CANCELLED
