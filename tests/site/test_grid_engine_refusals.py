"""Blocks that Grid Engine will never run, or that cannot work: each run is told why."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.config import Config
from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import JobState
from parsl_like.core.ports import BlockRequest
from parsl_like.errors import BadStateException
from parsl_like.providers import GridEngineProvider
from parsl_like.providers.base import one_shot_context
from tests.site.grid_engine import an_executor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.site.conftest import Measure
    from tests.site.grid_engine import GridEngine

pytest_plugins = ("tests.site.grid_engine_fixtures",)
pytestmark = pytest.mark.xdist_group("grid_engine_refusals")

BOUND_S = 60.0
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown-queue": ({"queue": "nope.q"}, ("unknown queue", "nope.q")),
    "unknown-environment": ({"scheduler_options": "#$ -pe nope 2"}, ("nope", "does not exist")),
    "disabled-queue": ({"queue": "shut.q"}, ("shut.q", "is disabled")),
    "too-long": ({"queue": "brief.q", "walltime": "00:10:00"}, ("brief.q", "h_rt=600")),
    "held": ({"scheduler_options": "#$ -h"}, ("on hold", "hqw")),
    "too-many-slots": ({"scheduler_options": "#$ -pe block 100", "pending_timeout": 30}, ("only offers",)),
    "bad-init": ({"worker_init": "echo no module conda >&2; exit 7"}, ("exit code 7", "no module conda")),
    "no-python": ({"worker_init": "exit 127"}, ("exit code 127", "command was not found")),
}


def test_each_ends_with_its_reason(grid_engine: GridEngine, tmp_path: Path, measure: Measure) -> None:
    executors = [an_executor(dict(options), label=label) for label, (options, _) in CASES.items()]
    with parsl_like.load(Config(executors=executors, run_dir=str(tmp_path / "runinfo"))):
        began, futures = time.time(), {}
        ended: dict[str, float] = {}
        for label in CASES:
            futures[label] = python_app(executors=[label])(abs)(-1)
            futures[label].add_done_callback(lambda _, label=label: ended.setdefault(label, time.time() - began))
        errors = {label: future.exception(180) for label, future in futures.items()}
    wrong = {}
    for label, (_, words) in CASES.items():
        if not isinstance(errors[label], BadStateException) or any(word not in str(errors[label]) for word in words):
            wrong[label] = errors[label]
    assert not wrong, "\n\n".join(f"{label}: {error}" for label, error in wrong.items())
    for label, seconds in ended.items():
        measure.note(label, seconds, BOUND_S + CASES[label][0].get("pending_timeout", 0))
    assert grid_engine.jobs() == []


def test_a_job_in_error_state_says_why(grid_engine: GridEngine, tmp_path: Path) -> None:
    folder = tmp_path / "scripts"
    provider = GridEngineProvider(queue="main.q", scheduler_options="#$ -h")
    session = provider.open(one_shot_context(str(folder)))
    job = session.submit(BlockRequest(BlockId("0"), "true"))
    for path in folder.iterdir():
        path.unlink() if path.is_file() else path.rmdir()
    folder.rmdir()
    grid_engine.ask("qrls", job)
    grid_engine.until(lambda: [job.state for job in grid_engine.jobs()] == ["Eqw"], "the error state")
    report = session.status([job])[job]
    assert report.state is JobState.HELD
    assert "Eqw" in str(report.hopeless)
    dialect = provider.dialect()
    assert dialect.reason is not None
    done = subprocess.run(dialect.reason(job), capture_output=True, text=True, check=False)
    reason = dialect.why(parsl_like.core.ports.CommandResult(done.returncode, done.stdout, done.stderr))
    assert reason is not None
    assert str(folder) in reason[0]
    assert reason[1], "nobody will start it"
    assert session.cancel([job]) == {job: True}
    session.close()
