"""Why jobs wait, where a batch system tells that only job by job."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from parsl_like.core.job_states import JobState
from parsl_like.errors import ChannelError
from parsl_like.providers.dialect import Unavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.core.job_states import JobReport
    from parsl_like.core.ports import CommandResult
    from parsl_like.providers.dialect import Command, Dialect

logger = logging.getLogger(__name__)

ASK_AFTER_S = 10.0
"""A job that has waited for so long is asked why, and again after so long."""
AT_ONCE = 3
"""So many jobs are asked in one go; one command each."""


@dataclasses.dataclass(slots=True)
class _Waiting:
    """What is known of a job that waits; ``asked`` in monotonic seconds."""

    asked: float
    words: str | None = None
    never: bool = False


class Reasons:
    """Why the jobs of a session wait.

    Args:
        dialect: How they are asked.
        run: Runs one of its commands.
        now: Monotonic seconds.
    """

    def __init__(self, dialect: Dialect, run: Callable[[Command], CommandResult], now: Callable[[], float]) -> None:
        self._dialect = dialect
        self._run = run
        self._now = now
        self._known: dict[str, _Waiting] = {}

    def added_to(self, reports: Mapping[str, JobReport]) -> dict[str, JobReport]:
        """The same reports, those of jobs that wait with the reason as far as it is known."""
        question = self._dialect.reason
        if question is None:
            return dict(reports)
        waiting = [job for job, report in reports.items() if report.state in (JobState.PENDING, JobState.HELD)]
        now = self._now()
        self._known = {job: self._known.get(job) or _Waiting(now) for job in waiting}
        ripe = [job for job in waiting if now - self._known[job].asked >= ASK_AFTER_S]
        for job in sorted(ripe, key=lambda job: self._known[job].asked)[:AT_ONCE]:
            self._ask(job, question(job), now)
        return {job: self._with_reason(job, report) for job, report in reports.items()}

    def _ask(self, job: str, question: Command, now: float) -> None:
        known = self._known[job]
        known.asked = now
        try:
            answer = self._dialect.why(self._run(question))
        except (ChannelError, Unavailable, Unreadable) as error:
            logger.debug("cannot ask why job %s waits: %s", job, error)
            return
        known.words, known.never = answer if answer is not None else (None, False)

    def _with_reason(self, job: str, report: JobReport) -> JobReport:
        known = self._known.get(job)
        if known is None or known.words is None:
            return report
        hopeless = report.hopeless or (known.words if known.never else None)
        return dataclasses.replace(report, message=known.words, hopeless=hopeless)
