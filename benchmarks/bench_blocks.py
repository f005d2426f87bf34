"""How soon a block is submitted when work arrives, and what it costs to ask after a thousand of them."""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark import Benchmark
from figure import Bound, Figure
from options import main
from processes import Usage

ARRIVALS, QUICK_ARRIVALS = 60, 5
BLOCKS, QUICK_BLOCKS = 1000, 50
POLLS, QUICK_POLLS = 20, 2
REST_S = 0.15
"""Between two arrivals: nothing that the one has begun is still under way at the next."""
BUSY_S = 0.1
"""How long a question for states takes, once per second, in the case of a busy batch system."""

COMMANDS = {
    "sbatch": 'n=$(($(cat "$here/number") + 1)); echo $n > "$here/number"; date +%s.%N >> "$here/sbatch.log"\n'
    'echo "Submitted batch job $n"',
    "squeue": 'echo >> "$here/squeue.log"; exec cat "$here/answer"',
    "sacct": "exit 1",
    "scancel": "exit 0",
}


def noop() -> None:
    return None


def commands(states: int) -> Path:
    """A folder with commands of Slurm that answer at once: every job that was submitted waits."""
    here = Path(tempfile.mkdtemp())
    for name, text in COMMANDS.items():
        path = here / name
        path.write_text(f"#!/bin/sh\nhere={here}\n{text}\n")
        path.chmod(0o755)
    (here / "number").write_text("0\n")
    (here / "answer").write_text("".join(f"{job}|PENDING|Priority\n" for job in range(1, states + 1)))
    os.environ["PATH"] = f"{here}{os.pathsep}{os.environ['PATH']}"
    return here


def instant(status_seconds: float) -> Any:
    """A user's provider that takes every block at once, and notes when it was asked."""
    from parsl_like.core.job_states import JobState
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.status import JobStatus

    class Instant(ExecutionProvider):
        status_polling_interval = 1.0

        def __init__(self, blocks: int) -> None:
            super().__init__(init_blocks=0, max_blocks=blocks)
            self.asked: list[float] = []

        def submit(self, command: str, tasks_per_node: int, job_name: str = "block") -> str:
            self.asked.append(time.time())
            return str(len(self.asked))

        def status(self, job_ids: Sequence[Any]) -> list[JobStatus]:
            time.sleep(status_seconds)
            return [JobStatus(JobState.PENDING) for _ in job_ids]

        def cancel(self, job_ids: Sequence[Any]) -> list[bool]:
            return [True for _ in job_ids]

    return Instant


def arrivals(provider: Any, asked: Callable[[], Sequence[float]], count: int) -> list[float]:
    """Milliseconds from the call of an app, which needs one block more, to the submission of that block."""
    import parsl_like
    from parsl_like import Config, HighThroughputExecutor, python_app

    executor = HighThroughputExecutor(label="htex", address="127.0.0.1", max_workers_per_node=1, provider=provider)
    kernel = parsl_like.load(Config(executors=[executor], run_dir=os.path.join(tempfile.mkdtemp(), "runs")))
    app, times = python_app(noop), []
    for number in range(count + 1):
        called = time.time()
        app()
        while len(asked()) <= number:
            time.sleep(0.002)
        times.append(1000 * (asked()[number] - called))
        time.sleep(REST_S)
    kernel.cleanup()
    return times[1:]  # the first one waits for the interchange to come up


def arrival(case: str, quick: bool) -> Mapping[str, float]:
    """How soon a block is submitted."""
    count = QUICK_ARRIVALS if quick else ARRIVALS
    if case == "slurm":
        from parsl_like.providers import SlurmProvider

        here = commands(count + 1)
        log = here / "sbatch.log"
        provider = SlurmProvider(init_blocks=0, max_blocks=count + 1)
        times = arrivals(
            provider, lambda: [float(line) for line in log.read_text().split()] if log.exists() else [], count
        )
    else:
        provider = instant(BUSY_S if case == "busy" else 0.0)(count + 1)
        times = arrivals(provider, lambda: provider.asked, count)
    return {case: statistics.median(times), f"{case} max": max(times)}


def polling(quick: bool) -> Mapping[str, float]:
    """What it costs to ask after many blocks that wait in the queue of a Slurm that answers at once."""
    from types import SimpleNamespace

    from parsl_like.clocks import SystemClock
    from parsl_like.core.limits import BlockLimits
    from parsl_like.jobs.policy import none
    from parsl_like.jobs.poller import JobPoller
    from parsl_like.providers import SlurmProvider
    from parsl_like.providers.base import one_shot_context
    from parsl_like.testing.stub_elastic import StubElasticSession

    blocks = QUICK_BLOCKS if quick else BLOCKS
    here = commands(blocks)
    provider = SlurmProvider(init_blocks=blocks, max_blocks=blocks)
    session, taken = provider.sealed().open(one_shot_context(str(here / "scripts"))), []
    status, enough = session.status, threading.Event()
    polls = QUICK_POLLS if quick else POLLS

    def timed(jobs: Sequence[Any]) -> Any:
        began = time.perf_counter()
        reports = status(jobs)
        taken.append((len(reports), time.perf_counter() - began))
        if len(taken) >= polls:
            enough.set()
        return reports

    vars(session)["status"] = timed
    executor = StubElasticSession("htex", "true")
    executor.set_load(outstanding=blocks)
    poller = JobPoller(record=lambda _: None, clock=SystemClock())
    pace = SimpleNamespace(label="slurm", status_polling_interval=1.0, connect_timeout=600.0, cmd_timeout=60.0)
    began = time.perf_counter()
    poller.add(executor, session, BlockLimits(blocks, 0, blocks), none, description=pace)
    while len(poller.status()["htex"].get("blocks", {})) < blocks or any(
        block["job"] is None for block in poller.status()["htex"]["blocks"].values()
    ):
        time.sleep(0.05)
    submitted = time.perf_counter() - began
    log = here / "squeue.log"
    time.sleep(2)
    taken.clear()
    enough.clear()
    asked = log.stat().st_size
    with Usage() as used:
        enough.wait(60 + 2 * polls)
    asked = log.stat().st_size - asked
    answered = [seconds for count, seconds in taken if count == blocks]
    return {
        "commands": asked / max(1, len(taken)),
        "poll": 1000 * statistics.median(answered),
        "poll cpu": 1000 * used.seconds["driver"] / max(1, len(taken)),
        "submit": 1000 * submitted / blocks,
    }


def measure(_name: str, case: str, quick: bool) -> Mapping[str, float]:
    """One of the cases."""
    return polling(quick) if case == "polling" else arrival(case, quick)


BENCHMARK = Benchmark(
    title="Blocks",
    file=__file__,
    measure=measure,
    engines=("htex",),
    cases=("instant", "busy", "slurm", "polling"),
    figures=(
        Figure("instant", "work arrives -> block submitted, ms", "less", 1, (Bound(200),), (Bound(20),)),
        Figure("instant max", "the same, the slowest, ms", "less", 1, (Bound(200),), (Bound(50),)),
        Figure("busy", f"with questions for states of {BUSY_S:g} s each second, ms", "less", 1, (Bound(200),)),
        Figure("busy max", "the same, the slowest, ms", "less", 1, (Bound(200),)),
        Figure("slurm", "work arrives -> sbatch runs, ms", "less", 1, (Bound(200),)),
        Figure("slurm max", "the same, the slowest, ms", "less", 1, (Bound(200),)),
        Figure("commands", f"{BLOCKS:,} blocks: status commands per period", "less", 2, (Bound(1),)),
        Figure("poll", f"{BLOCKS:,} blocks: a question and its answer, ms", "less", 1),
        Figure("poll cpu", f"{BLOCKS:,} blocks: driver's CPU per period, ms", "less", 1, (Bound(100),)),
        Figure("submit", f"{BLOCKS:,} blocks submitted, ms for each", "less", 1),
    ),
    note=f"{ARRIVALS} arrivals, {REST_S:g} s apart, through a kernel: each task needs one block more. The provider "
    "takes a block at once; when busy, it is asked for states a tenth of the time; for Slurm, sbatch and squeue are "
    f"shell scripts that answer at once. {BLOCKS:,} jobs wait in the queue and are asked after once per second.",
)

if __name__ == "__main__":
    main(BENCHMARK)
