"""A provider without a batch system: its jobs exist in memory and do what a test tells them."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from parsl_like.core.ids import JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.providers.base import ExecutionProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from parsl_like.core.ids import BlockId
    from parsl_like.core.ports import BlockContext, BlockRequest


class StubProviderSession:
    """Satisfies ``core.ports.ProviderSession``; every method may be called from any thread.

    A job is PENDING or RUNNING from its submission, until a test ends it, or until it is cancelled.

    Args:
        folder: Where the jobs' output is written; None for nowhere.
        first_state: The state of a new job.

    Attributes:
        submitted: The requests that were taken, by job, in their order.
        cancelled: The jobs whose end was asked for, each as often as it was.
        calls: The names of all calls, in their order.
        closed: Whether it was closed.
    """

    def __init__(self, folder: str | None = None, first_state: JobState = JobState.RUNNING) -> None:
        self.submitted: dict[JobId, BlockRequest] = {}
        self.cancelled: list[JobId] = []
        self.calls: list[str] = []
        self.closed = False
        self._folder = None if folder is None else Path(folder)
        self._first_state = first_state
        self._reports: dict[JobId, JobReport] = {}
        self._hidden: set[JobId] = set()
        self._stubborn: set[JobId] = set()
        self._scripts: dict[str, list[Exception | threading.Event]] = {}
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()

    # --- for the test --------------------------------------------------------------------------------------------

    def script(self, call: str, *events: Exception | threading.Event) -> None:
        """Say what the next calls of a method do before anything else: raise an error, or hang until an event is set.

        Args:
            call: "submit", "status", "cancel", "output" or "close".
            *events: One for each of the next calls.
        """
        with self._changed:
            self._scripts.setdefault(call, []).extend(events)

    def set_state(self, job: JobId, state: JobState, message: str | None = None, exit_code: int | None = None) -> None:
        """Say what the batch system will answer for a job."""
        with self._changed:
            self._reports[job] = JobReport(state, message, exit_code)

    def finish(self, job: JobId, exit_code: int = 0, stderr: str = "") -> None:
        """End a job with an exit code and what it wrote."""
        if self._folder is not None:
            (self._folder / f"{job}.err").write_text(stderr, encoding="utf-8")
        state = JobState.COMPLETED if exit_code == 0 else JobState.FAILED
        self.set_state(job, state, f"job {job} ended with exit code {exit_code}", exit_code)

    def hide(self, jobs: Iterable[JobId]) -> None:
        """Leave jobs out of the answers."""
        with self._changed:
            self._hidden.update(jobs)

    def show(self, jobs: Iterable[JobId]) -> None:
        """Have jobs in the answers again."""
        with self._changed:
            self._hidden.difference_update(jobs)

    def ignore_cancel(self, jobs: Iterable[JobId]) -> None:
        """Let jobs go on although their end is asked for."""
        with self._changed:
            self._stubborn.update(jobs)

    def job_of(self, block: BlockId | str) -> JobId:
        """The job of a block."""
        with self._changed:
            return next(job for job, request in self.submitted.items() if request.block_id == block)

    def wait_until(self, condition: Callable[[StubProviderSession], bool], timeout: float = 10.0) -> None:
        """Wait until calls have made a condition true.

        Raises:
            TimeoutError: they have not in time; with the calls there were.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout):
                raise TimeoutError(f"after {timeout:g} s; calls: {self.calls}")

    def _begin(self, call: str) -> None:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
            scripted = self._scripts.get(call)
            event = scripted.pop(0) if scripted else None
        if isinstance(event, threading.Event):
            event.wait()
        elif event is not None:
            raise event

    # --- the port ------------------------------------------------------------------------------------------------

    def submit(self, request: BlockRequest) -> JobId:
        """Take a block."""
        self._begin("submit")
        with self._changed:
            job = JobId(f"stub-{next(self._numbers)}")
            self.submitted[job] = request
            self._reports[job] = JobReport(self._first_state)
            self._changed.notify_all()
            return job

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        """What the test said about jobs; hidden and unknown ones are absent."""
        self._begin("status")
        with self._changed:
            return {job: self._reports[job] for job in jobs if job in self._reports and job not in self._hidden}

    def cancel(self, jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        """End jobs that are not stubborn."""
        self._begin("cancel")
        with self._changed:
            for job in jobs:
                self.cancelled.append(job)
                report = self._reports.get(job)
                if report is not None and report.state not in TERMINAL_STATES and job not in self._stubborn:
                    self._reports[job] = JobReport(JobState.CANCELLED)
            self._changed.notify_all()
            return {job: job in self._reports for job in jobs}

    def output(self, job: JobId) -> tuple[str | None, str | None]:
        """The file with what :meth:`finish` was told that a job wrote."""
        self._begin("output")
        path = None if self._folder is None else self._folder / f"{job}.err"
        return None, str(path) if path is not None and path.exists() else None

    def close(self) -> None:
        """Note that it was closed."""
        self._begin("close")
        with self._changed:
            self.closed = True
            self._changed.notify_all()


@dataclasses.dataclass
class StubProvider(ExecutionProvider):
    """The description of the above, for tests that go through a whole run; ``live_session()`` gives the session."""

    def open(self, context: BlockContext) -> StubProviderSession:
        """A session that writes jobs' output to the run's folder of scripts."""
        session = StubProviderSession(context.script_dir)
        self.attach(session)
        return session
