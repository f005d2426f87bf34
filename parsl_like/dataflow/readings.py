"""What programs read back from a kernel, while it runs and after it has ended."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from parsl_like.core.ports import RunSummary
from parsl_like.core.states import FINAL_PHASES, Phase, States, state_of
from parsl_like.data_provider.data_manager import INHIBIT
from parsl_like.dataflow.dependency_resolvers import SHALLOW_DEPENDENCY_RESOLVER
from parsl_like.dataflow.joins import name_of
from parsl_like.dataflow.submission import default_std_autopath
from parsl_like.dataflow.tasktable import TaskTable
from parsl_like.dataflow.telling import tell
from parsl_like.dataflow.troubles import sentences

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.config import Config
    from parsl_like.core.machine import TaskMachine
    from parsl_like.core.ports import RunInfo
    from parsl_like.data_provider.data_manager import DataManager
    from parsl_like.dataflow.dependency_resolvers import DependencyResolver
    from parsl_like.dataflow.health import Health
    from parsl_like.dataflow.loop import KernelLoop
    from parsl_like.dataflow.submission import Submission

logger = logging.getLogger("parsl_like.dataflow.dflow")


class Readings:
    """The part of a kernel that answers questions; any thread may ask, at any time.

    Attributes:
        run_dir: The run's own directory.
        time_completed: When the kernel had been closed; None until then.
    """

    if TYPE_CHECKING:
        config: Config
        run_dir: str
        machine: TaskMachine
        submission: Submission
        health: Health
        _context: RunInfo
        _loop: KernelLoop

    time_completed: datetime | None = None

    # --- tasks -----------------------------------------------------------------------------------------------------

    @property
    def tasks(self) -> TaskTable:
        """The tasks the kernel still knows, by id; ended ones only with ``Config(garbage_collect=False)``."""
        return TaskTable(self.machine.rows, self._catch_up)

    def _catch_up(self) -> None:
        """Wait until the owner thread has looked at what was submitted so far."""
        with suppress(TimeoutError):  # it has ended: nothing changes any more
            if self._loop.alive:
                self._loop.call(lambda: None)

    @property
    def task_count(self) -> int:
        """Tasks submitted so far."""
        return self.submission.submitted

    @property
    def task_state_counts(self) -> dict[States, int]:
        """How many tasks are in each public state, ended ones included; of each state that there is."""
        self._catch_up()
        counts = dict.fromkeys(States, 0)
        for phase in Phase:
            counts[state_of(phase)] += self.machine.counts[phase]
        return counts

    def wipe_task(self, task_id: int) -> None:
        """Forget a task that has ended; one that has not is left alone."""

        def wipe() -> None:
            row = self.machine.rows.get(task_id)
            if row is not None and row.phase in FINAL_PHASES:
                del self.machine.rows[task_id]

        with suppress(TimeoutError):  # the owner thread has ended, and with it the kernel
            self._loop.call(wipe)

    # --- the run ---------------------------------------------------------------------------------------------------

    @property
    def dependency_resolver(self) -> DependencyResolver:
        """How futures are found in arguments."""
        return self.config.dependency_resolver or SHALLOW_DEPENDENCY_RESOLVER

    @property
    def data_manager(self) -> DataManager:
        """Who has files moved."""
        return self.submission.data_manager

    @property
    def monitoring(self) -> Any:
        """What ``Config(monitoring=...)`` says."""
        return self.config.monitoring

    @property
    def workflow_name(self) -> str:
        """What ``Config(monitoring=...)`` calls the program, else the name of its file."""
        named = getattr(self.config.monitoring, "workflow_name", None)
        return str(named) if named else os.path.basename(self._context.argv[0] if self._context.argv else "")

    @property
    def workflow_version(self) -> str:
        """What ``Config(monitoring=...)`` says of it, else when the run began."""
        said = getattr(self.config.monitoring, "workflow_version", None)
        return str(said) if said else str(self.time_began)

    @property
    def time_began(self) -> datetime:
        """When the kernel was made, in local time."""
        return datetime.fromtimestamp(self._context.started)

    def status(self) -> dict[str, Any]:
        """The health of the run without reading a log: what is connected, lost, restarted, stalled, since when.

        Plain data: tasks, executors, blocks, threads, records and logs.
        """
        from parsl_like.dataflow.status import kernel_status

        return kernel_status(self)  # type: ignore[arg-type]  # this is a part of every kernel, and of nothing else

    def summary(self) -> RunSummary:
        """Tasks by public state, retries by app, losses, what went wrong, and where the logs are."""
        machine = self.machine
        troubles = self.health.troubles()
        return RunSummary(
            machine.summary(),
            dict(machine.retried),
            machine.losses,
            time.time() - self._context.started,
            self.run_dir,
            tuple(sentences(troubles)),
            tuple(troubles),
        )

    def log_task_states(self) -> None:
        """Write how the run goes so far to the log."""
        self.log_summary(self.summary())

    def log_summary(self, summary: RunSummary, *, aloud: bool = False) -> None:
        """Write a summary to the log: what went wrong, tasks by state, retries by app, where the logs are.

        Args:
            summary: The summary.
            aloud: Whether what went wrong goes to standard error, too; nothing does if all is well.
        """
        if summary.notes:
            more = f"More is in {summary.run_dir}."
            tell(logger, "not all went well in this run:", summary.notes, more, aloud=aloud)
        states = ", ".join(f"{count} {name}" for name, count in summary.states.items()) or "no task"
        retries = ", ".join(f"{app} {count}" for app, count in summary.retries.items()) or "none"
        logger.info(
            "%s in %.1f s; retries: %s; losses: %d; logs in %s",
            states,
            summary.seconds,
            retries,
            summary.losses,
            summary.run_dir,
        )

    # --- of calls --------------------------------------------------------------------------------------------------

    def default_std_autopath(self, taskrecord: Any, kw: str) -> str:
        """Where AUTO_LOGNAME leads: a file in the run directory's ``task_logs``."""
        return default_std_autopath(self.run_dir, taskrecord, kw)

    @staticmethod
    def check_staging_inhibited(kwargs: Mapping[str, Any]) -> bool:
        """Whether a call says that its files are to be left alone, as the tasks of staging providers do."""
        return any(kwargs.get(word) for word in INHIBIT)

    def render_future_description(self, dep: Future[Any]) -> str:
        """How a future is called in errors of tasks that needed it."""
        return name_of(dep)
