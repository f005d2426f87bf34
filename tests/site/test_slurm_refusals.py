"""Blocks that Slurm refuses, or takes and never starts, or that cannot work: tasks end with the reason, in time.

Such blocks are waited for, so all are tried at once: each is an executor of one run, and each test looks at one.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like import python_app
from parsl_like.config import Config
from parsl_like.errors import BadStateException
from tests.site.slurm import Job, Slurm, slurm_config

if TYPE_CHECKING:
    from tests.site.conftest import Measure
    from tests.site.system import System

WAIT = 240
BOUND_S = 60
"""From the moment in which Slurm knows to the exception."""


@dataclass(frozen=True)
class Case:
    """A block that cannot be had.

    Attributes:
        options: What is wrong with it, as options of the provider or the executor.
        says: What the exception must say, as a regular expression.
        known: The reason by which Slurm shows that it knows; empty if it says so at once or the job has to end.
    """

    options: dict[str, Any]
    says: str
    known: str = ""


CASES = {
    "no_such_partition": Case({"partition": "nope"}, r"[Ii]nvalid partition"),
    "no_such_feature": Case({"constraint": "quantum"}, r"[Ii]nvalid feature"),
    "shut_partition": Case({"partition": "shut"}, r"(?i)partition.*down", "PartitionDown"),
    "longer_than_allowed": Case({"partition": "brief"}, r"(?i)time ?limit|walltime", "PartitionTimeLimit"),
    "more_nodes_than_there_are": Case({"nodes_per_block": 9}, r"(?i)nodes|PartitionConfig", "PartitionConfig"),
    "held_by_the_user": Case({"scheduler_options": "#SBATCH --hold"}, r"(?i)h[eo]ld", "JobHeldUser"),
    "held_by_somebody": Case({"nodes_per_block": 4}, r"(?i)h[eo]ld", "JobHeld"),
    "worker_init_fails": Case(
        {"worker_init": "echo 'module: no module conda/2031' >&2; exit 1"},
        r"(?s)module: no module conda/2031.*worker_init|worker_init.*module: no module conda/2031",
    ),
    "no_such_command": Case({"launch_cmd": "start_the_pool"}, r"start_the_pool: command not found"),
}


@dataclass
class Outcome:
    """What became of a case; times in seconds since the epoch.

    Attributes:
        error: What the first of its tasks ended with.
        when: When it did.
        alike: Whether all tasks did, and one that came later.
        jobs: Its jobs in Slurm.
        known: When Slurm knew; None if it never did.
    """

    error: BaseException | None
    when: float
    alike: bool
    jobs: list[Job]
    known: float | None


@pytest.fixture(scope="module")
def outcomes(slurm_system: System, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """All cases, tried in one run; it is over before the first test begins."""
    run_dir = str(tmp_path_factory.mktemp("runinfo"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in slurm_system.environment().items():
            patch.setenv(name, value)
        slurm = Slurm(slurm_system)
        executors = []
        for label, case in CASES.items():
            options = {"walltime": "00:05:00", **case.options}
            executors += slurm_config(run_dir, label=label, **options).executors or ()
        filler = slurm.fill("n4")
        try:
            with parsl_like.load(Config(executors, run_dir=run_dir)), Reasons(slurm) as reasons:
                found = _tried(slurm, reasons)
                slurm.until(lambda: [job.id for job in slurm.live()] == [filler], "the end of all blocks", seconds=30)
        finally:
            slurm.ask("scancel", filler)
            slurm.is_left_empty()
    return found


def _tried(slurm: Slurm, reasons: Reasons) -> dict[str, Outcome]:
    began = time.time()
    ended: dict[str, float] = {}
    futures = {label: [_app(label)() for _ in range(3)] for label in CASES}
    for label, (first, *_) in futures.items():
        first.add_done_callback(lambda _, label=label: ended.setdefault(label, time.time()))
    slurm.until(lambda: _jobs(slurm, "held_by_somebody"), "a job to hold")
    slurm.ask("scontrol", "hold", _jobs(slurm, "held_by_somebody")[0].id)
    found = {}
    for label, case in CASES.items():
        error, *others = [future.exception(WAIT) for future in [*futures[label], _app(label)()]]
        jobs = _jobs(slurm, label)
        known = reasons.first(label, case.known) if case.known else max([job.ended or 0 for job in jobs], default=began)
        alike = all(type(other) is type(error) for other in others)
        found[label] = Outcome(error, ended[label], alike, jobs, known)
    return found


def _jobs(slurm: Slurm, label: str) -> list[Job]:
    """The jobs of an executor."""
    return [job for job in slurm.jobs() if f".{label}." in job.name]


def _app(label: str) -> Any:
    def nothing() -> None:
        pass

    return python_app(nothing, executors=[label])


class Reasons:
    """Notes when Slurm first shows the reason for which a job waits; a context."""

    def __init__(self, slurm: Slurm) -> None:
        self._slurm = slurm
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reasons")
        self._seen: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Reasons:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            for job in self._slurm.live():
                self._seen.setdefault((job.name, job.reason), time.time())

    def first(self, label: str, reason: str) -> float | None:
        """When a job of an executor was first seen to wait for a reason that begins so."""
        times = [time for (name, seen), time in self._seen.items() if f".{label}." in name and seen.startswith(reason)]
        return min(times, default=None)


@pytest.mark.parametrize("label", CASES)
def test_tasks_end_with_the_reason(label: str, outcomes: dict[str, Outcome], measure: Measure) -> None:
    outcome = outcomes[label]
    assert isinstance(outcome.error, BadStateException)
    text = str(outcome.error)
    assert re.search(CASES[label].says, text), text
    assert label in text
    assert outcome.alike
    assert outcome.known is not None, "Slurm never said so"
    measure.note(f"{label}: Slurm knows, to the exception", max(0.0, outcome.when - outcome.known), BOUND_S)


@pytest.mark.parametrize("label", [label for label, case in CASES.items() if case.known])
def test_blocks_that_can_never_start_are_not_left_in_the_queue(label: str, outcomes: dict[str, Outcome]) -> None:
    jobs = outcomes[label].jobs
    assert 1 <= len(jobs) <= 3, "no endless submission"
    assert {job.state for job in jobs} <= {"CANCELLED", "PENDING"}, "PENDING until its end that was asked for"


@pytest.mark.parametrize("label", ["worker_init_fails", "no_such_command"])
def test_the_path_of_what_it_wrote_is_told(label: str, outcomes: dict[str, Outcome]) -> None:
    text = str(outcomes[label].error)
    assert re.search(rf"submit_scripts/\S*{label}\S*", text), text
    assert 1 <= len(outcomes[label].jobs) <= 4
