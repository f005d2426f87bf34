"""What tests ask of a Grid Engine, who does what to it, and configurations that get blocks from it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.providers import GridEngineProvider

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.site.conftest import System

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Job:
    """A job as qstat shows it."""

    id: str
    state: str

    @property
    def runs(self) -> bool:
        return self.state == "r"


class GridEngine:
    """The Grid Engine of a test, asked by its own commands, not by what is tested.

    Args:
        system: The script that brought it up.
    """

    def __init__(self, system: System) -> None:
        self.system = system

    def ask(self, *words: str, timeout: float = 60) -> str:
        """What a command prints, which must succeed."""
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout.strip()} {done.stderr.strip()}"
        return done.stdout.strip()

    def jobs(self) -> list[Job]:
        """All jobs that are not over."""
        rows = [line.split() for line in self.ask("qstat", "-u", "*").splitlines()[2:]]
        return [Job(row[0], row[4]) for row in rows]

    def running(self) -> list[Job]:
        return [job for job in self.jobs() if job.runs]

    def until(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
        """Ask again and again: Grid Engine announces nothing."""
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s; {self.jobs()}"
            pause.wait(0.2)

    def the_running_job(self) -> str:
        """Wait until one job runs; gives its number."""
        self.until(self.running, "a job that runs")
        (job,) = self.running()
        return job.id

    def has_lost_its_host(self) -> bool:
        """Whether the qmaster has not heard of the execution daemon for too long."""
        rows = [line.split() for line in self.ask("qstat", "-f", "-q", "main.q").splitlines()]
        return any(row[0].startswith("main.q@") and row[-1] in ("u", "au") for row in rows)

    def signal(self, daemon: str, number: signal.Signals) -> None:
        """Send a signal to one of the daemons, ``qmaster`` or ``execd``."""
        os.kill(int(self.system("pid", daemon)), number)

    def start(self, daemon: str) -> None:
        """Start one that was ended, and wait until it serves."""
        self.system("start", daemon)

    def is_left_empty(self) -> None:
        """Fails if jobs are left; mends and empties it in any case."""
        try:
            self.until(lambda: not self.jobs(), "the end of all jobs", seconds=20)
        finally:
            self.system("up")
            self.system("empty")


def reasons(kernel: DataFlowKernel) -> dict[str, str]:
    """By job: how it ended and why."""
    kernel.recorder.flush(10)
    return {
        record.fields["job"]: f"{record.fields['state']}: {record.fields['reason']}"
        for record in kernel.records.last("block")
        if record.fields.get("job") and record.fields.get("reason")
    }


def connected(kernel: DataFlowKernel) -> object:
    """Its managers."""
    return kernel.status()["executors"]["htex"]["connected"]


def on_grid_engine(run_dir: str | Path, **options: Any) -> Config:
    """One executor. Options of the Config, of the executor and of the provider, by the names they have."""
    executor = {name: options.pop(name) for name in (*options,) if name in HighThroughputExecutor.__dataclass_fields__}
    provider = {name: options.pop(name) for name in (*options,) if name in GridEngineProvider.__dataclass_fields__}
    return Config(executors=[an_executor(provider, **executor)], run_dir=str(run_dir), **options)


def an_executor(provider: dict[str, Any], **options: Any) -> HighThroughputExecutor:
    """An executor with a provider of these options."""
    # Grid Engine gives a job nothing of the environment that it is submitted from.
    init = f"export PYTHONPATH={ROOT} PYTHONWARNINGS=ignore\n{provider.pop('worker_init', '')}"
    given = {"queue": "main.q", "init_blocks": 1, "max_blocks": 1, "cmd_timeout": 10, **provider}
    options = {"label": "htex", "max_workers_per_node": 2, "cores_per_worker": 0.01, **options}
    return HighThroughputExecutor(provider=GridEngineProvider(worker_init=init, **given), **options)
