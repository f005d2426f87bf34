"""What tests ask of a Slurm: its jobs, and who does what to them."""

from __future__ import annotations

import datetime
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parsl_like.clocks import SystemClock
from parsl_like.config import Config
from parsl_like.core.ids import BlockId, ExecutorLabel
from parsl_like.core.ports import BlockContext, BlockRequest, RunInfo
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import SlurmProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.providers.batch_session import BatchSession
    from tests.site.system import System

PATIENCE_S = 90.0
LIVE = ("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "COMPLETING", "REQUEUED")


def slurm_config(run_dir: str | Path, **options: Any) -> Config:
    """One executor on Slurm. Options of the Config, of the executor and of the provider, by the names they have."""
    parts: list[dict[str, Any]] = [
        {name: options.pop(name) for name in (*options,) if name in kind.__dataclass_fields__}
        for kind in (HighThroughputExecutor, SlurmProvider)
    ]
    executor = {"label": "htex", "max_workers_per_node": 2, "cores_per_worker": 0.01, **parts[0]}
    provider = {"init_blocks": 1, "min_blocks": 0, "max_blocks": 1, "walltime": "00:10:00", **parts[1]}
    htex = HighThroughputExecutor(provider=SlurmProvider(**provider), **executor)
    return Config(executors=[htex], run_dir=str(run_dir), **options)


def session(folder: Path, **options: Any) -> BatchSession:
    """A session with Slurm that puts scripts into a folder."""
    run = RunInfo(run_id="site", run_dir=str(folder), started=time.time())
    context = BlockContext(run, ExecutorLabel("site"), str(folder), SystemClock())
    return SlurmProvider(**{"launcher": SimpleLauncher(), "exclusive": False, **options}).sealed().open(context)


def request(command: str, number: int = 0) -> BlockRequest:
    """A block that runs a command."""
    return BlockRequest(BlockId(str(number)), command)


@dataclass(frozen=True)
class Job:
    """A job as squeue shows it; ``ended`` in seconds since the epoch, None if it has not."""

    id: str
    state: str
    reason: str
    nodes: str
    name: str
    ended: float | None

    @classmethod
    def parse(cls, line: str) -> Job:
        job, state, reason, nodes, name, end = line.split("|")
        over = state not in LIVE and end not in ("N/A", "NONE")
        return cls(job, state, reason, nodes, name, datetime.datetime.fromisoformat(end).timestamp() if over else None)

    @property
    def live(self) -> bool:
        return self.state in LIVE


class Slurm:
    """The Slurm of a test, asked by its own commands, not by what is tested.

    Args:
        system: The script that brought it up.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self._before: frozenset[str] = frozenset()
        self._before = frozenset(job.id for job in self.jobs())

    def ask(self, *words: str, timeout: float = 60) -> str:
        """What a command prints, which must succeed."""
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
        return done.stdout.strip()

    def jobs(self) -> list[Job]:
        """All jobs that it remembers and that did not exist before the test, in order of their ids."""
        answer = self.ask("squeue", "--noheader", "--states=all", "--array", "--format=%i|%T|%r|%N|%j|%e")
        found = [job for job in map(Job.parse, answer.splitlines()) if job.id not in self._before]
        return sorted(found, key=lambda job: int(job.id.partition("_")[0]))

    def live(self) -> list[Job]:
        """Those that wait, run, or are about to end."""
        return [job for job in self.jobs() if job.live]

    def running(self) -> list[Job]:
        return [job for job in self.jobs() if job.state == "RUNNING"]

    def until(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
        """Ask again and again: Slurm announces nothing."""
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s; {self.jobs()}"
            pause.wait(0.2)

    def the_running_job(self) -> Job:
        """Wait until one job runs; gives it."""
        self.until(self.running, "a job that runs")
        (job,) = self.running()
        return job

    def fill(self, nodes: str) -> str:
        """Occupy nodes by a job of somebody else's, like ``n[2-4]``; gives its id."""
        words = ["--parsable", "--output=/dev/null", "--job-name=filler", "--exclusive", f"--nodelist={nodes}"]
        job = self.ask("sbatch", *words, "--wrap", "exec sleep 3600")
        self.until(lambda: job in {other.id for other in self.running()}, "somebody else's job")
        return job

    def mend(self) -> None:
        """Bring back whatever was ended."""
        self.system("up")

    def is_left_empty(self) -> None:
        """Fails if jobs are left; brings back what was ended, and ends what is left, in any case."""
        self.mend()
        try:
            self.until(lambda: not self.live(), "the end of all jobs", seconds=20)
        finally:
            if left := [job.id for job in self.live()]:
                self.ask("scancel", *left)


class Watch:
    """Looks every half second at how many jobs wait and run, as Slurm says; a context.

    Attributes:
        counts: Jobs that wait and jobs that run, in order.
    """

    def __init__(self, slurm: Slurm) -> None:
        self._slurm = slurm
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")
        self._error: BaseException | None = None
        self.counts: list[tuple[int, int]] = []

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._over.wait(0.5):
                states = [job.state for job in self._slurm.jobs()]
                self.counts.append((states.count("PENDING"), states.count("RUNNING")))
        except BaseException as error:  # noqa: BLE001 - raised again where it can fail the test
            self._error = error

    def most(self) -> int:
        """The most jobs that waited or ran at once."""
        return max(waiting + running for waiting, running in self.counts)
