"""Blocks as jobs of a batch system, whichever it is: its dialect says how to speak, this says what to do."""

from __future__ import annotations

import itertools
import logging
import math
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parsl_like.core.ids import JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.errors import ChannelError, ExecutionProviderException, SubmitException
from parsl_like.providers.batch_files import BatchFiles
from parsl_like.providers.dialect import Unavailable, Unreadable
from parsl_like.providers.doubts import Doubts
from parsl_like.providers.remains import with_remains
from parsl_like.providers.remote_blocks import RemoteBlocks
from parsl_like.providers.remote_files import Mirror, is_remote
from parsl_like.providers.waiting import Reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from parsl_like.core.ports import BlockContext, BlockRequest, ChannelSession, CommandResult
    from parsl_like.providers.batch import BatchProvider
    from parsl_like.providers.batch_files import PlannedJob
    from parsl_like.providers.dialect import Command, JobPaths, StatusQuery

logger = logging.getLogger(__name__)

ASIDE_S = 5.0
"""How long the commands of a call may take together that are not what it was made for."""

REMOTE_PATIENCE_S = 30.0
"""A call may take twice as long as a command, but no longer than this for it, where files have to be sent first."""

FETCH_AGAIN_S = 10.0
"""How old what a running job wrote may be when somebody asks for it, where it has to be fetched."""

MOST_LOGGED = 1000
"""Characters of a command that go into the log."""

ANY_JOB = "1234567"

NO_ANSWER = (ChannelError, Unavailable, Unreadable)


class Rendered(NamedTuple):
    """What a block would be submitted with.

    Attributes:
        script: The text of its script.
        paths: Where its files would be, if no earlier job has files of that name.
        submit: The command that would submit it.
        status: The commands that ask for its state, in the order in which they are tried; ``JOB`` is the job's id.
        cancel: The command that ends it.
    """

    script: str
    paths: JobPaths
    submit: Command
    status: tuple[Command, ...]
    cancel: Command


class BatchSession:
    """Satisfies ``core.ports.ProviderSession`` for every batch system that has a dialect.

    Guarantees: no command outlives ``cmd_timeout`` seconds, and no call is much longer than that; a failure to answer
    never says anything about a job; the end of a job never changes; a job whose submission ended without a clear
    outcome is looked for by its name, and is adopted if it is found at once and ended if it is found later.

    Args:
        provider: What is wanted.
        channel: The way to where the batch system is; closed with the session.
        context: Where scripts go, and the time.
    """

    def __init__(self, provider: BatchProvider, channel: ChannelSession, context: BlockContext) -> None:
        self._provider = provider
        self._dialect = dialect = provider.dialect()
        self._channel = channel
        self._clock = clock = context.clock
        self._patience: float = provider.cmd_timeout
        folder = Path(context.script_dir).absolute()
        self._files = BatchFiles(folder, provider, self._elsewhere(folder, context))
        self._doubts = Doubts(dialect, self._run_aside, self._end_quietly, clock.monotonic)
        self._reasons = Reasons(dialect, self._run_aside, clock.monotonic)
        self._query: StatusQuery | None = None
        self._told: set[str] = set()
        self._over: dict[str, JobReport] = {}
        self._fetched: dict[str, float] = {}
        self._passed_over: frozenset[str] = frozenset()
        self._deadline = self._aside_left = 0.0

    def _elsewhere(self, folder: Path, context: BlockContext) -> RemoteBlocks | None:
        """What is needed where the channel leads to a machine whose files are not this machine's."""
        description, channel = self._provider.channel, self._channel
        if description is None or not is_remote(channel):
            return None
        self._patience = max(self._patience, min(2 * self._patience, REMOTE_PATIENCE_S))
        mirror = Mirror(folder, channel.host, description.script_dir, self._run)
        return RemoteBlocks(description, lambda: channel, mirror, context.clock)

    # --- submitting ----------------------------------------------------------------------------------------------

    def submit(self, request: BlockRequest) -> JobId:
        """Write the block's script, where need be on another machine, and hand it to the batch system.

        Raises:
            SubmitException: it was refused, or nobody knows whether it was taken; ``transient`` unless the batch
                system said that it never will be.
            ScriptPathError: the script could not be written.
            BadLauncher: the launcher raised or gave no text.
            ConfigurationError: a value cannot stand in the script.
        """
        self._begin_call()
        files = self._files.claim(request)
        try:
            self._prepare(request)
            planned = self._files.plan(request, files)
            self._write(planned)
            job = self._hand_over(planned)
        except BaseException:
            self._files.remove_extra([files])
            raise
        self._over.pop(job, None)  # batch systems begin to count anew some day
        self._told.discard(job)
        self._files.keep(job, files)
        return JobId(job)

    def _prepare(self, request: BlockRequest) -> None:
        """Have everything ready where the job is submitted; a tunnel may take longer than a command does.

        Raises:
            SubmitException: there is no way there.
        """
        try:
            self._files.prepare(request)
        except ChannelError as error:
            raise SubmitException(request.job_name, str(error), transient=error.transient) from error
        self._begin_call()

    def _write(self, planned: PlannedJob) -> None:
        try:
            self._files.write(planned)
        except ChannelError as error:
            raise SubmitException(planned.paths.name, str(error), transient=error.transient) from error

    def _hand_over(self, planned: PlannedJob) -> str:
        paths, files = planned.paths, planned.files
        command = self._dialect.submit(paths)
        try:
            result = self._run(command)
        except ChannelError as error:
            if error.transient and (job := self._doubts.adopt(paths.name, files)):
                return job
            raise SubmitException(paths.name, str(error), transient=error.transient) from error
        job = self._dialect.job_id(result) if result.exit_code == 0 else None
        if job is not None:
            return job
        refused = result.exit_code != 0 and self._dialect.refusal(result)
        if not refused and (job := self._doubts.adopt(paths.name, files)):
            return job
        words = f"{command[0]} {'refused it' if result.exit_code else 'gave no job id'}"
        code, said = result.exit_code or None, (result.stdout, result.stderr)
        raise SubmitException(paths.name, words, *said, code, transient=not refused, script=paths.script)

    # --- asking --------------------------------------------------------------------------------------------------

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        """What the batch system says, together with what jobs have left in their files.

        Jobs of which nothing could be learned, while others answered, are UNKNOWN, with the reason.

        Raises:
            ExecutionProviderException: nothing at all could be learned; ``transient``.
        """
        self._begin_call()
        self._doubts.settle()
        self._files.look()
        open_jobs = [job for job in jobs if job not in self._over]
        reports = self._reasons.added_to(self._ask(open_jobs)) if open_jobs else {}
        self._note_ends(reports)
        known = {**self._over, **reports}
        return {job: known[job] for job in jobs if job in known}

    def _ask(self, jobs: Sequence[str]) -> dict[str, JobReport]:
        # First those that there was no time for: a slow system must not leave the same ones out every time.
        in_turn = sorted(jobs, key=lambda job: job not in self._passed_over)
        answers, unasked = self._put(self._chosen_query(), in_turn)
        self._passed_over = frozenset(unasked)
        if len(unasked) == len(jobs):
            reason = next(iter(unasked.values()))
            raise self._unanswered(reason) from reason
        answers |= {
            job: JobReport(JobState.UNKNOWN, f"the batch system did not answer: {error}")
            for job, error in unasked.items()
        }
        late = [job for job in jobs if job not in answers or answers[job].state in TERMINAL_STATES]
        if (trouble := self._files.fetch(late)) is not None:  # half of what there is to say would be said for ever
            answers |= dict.fromkeys(late, JobReport(JobState.UNKNOWN, f"its files could not be fetched: {trouble}"))
        absent = [job for job in jobs if job not in answers]
        if gone := [job for job in absent if self._with_remains(job, None) is None]:
            answers |= self._ask_history(gone)
        reports = {job: self._with_remains(job, answers.get(job)) for job in jobs}
        return {job: report for job, report in reports.items() if report is not None}

    def _put(self, query: StatusQuery, jobs: Sequence[str]) -> tuple[dict[str, JobReport], dict[str, Exception]]:
        """Answers to a question, put in as many commands as it takes, and why there are none for some jobs."""
        answers: dict[str, JobReport] = {}
        unasked: dict[str, Exception] = {}
        for batch in batches(jobs, query.batch):
            try:
                answers |= query.parse(self._run(query.command(batch)), batch)
            except NO_ANSWER as error:
                unasked |= dict.fromkeys(batch, error)
        return answers, unasked

    def _ask_history(self, jobs: Sequence[str]) -> dict[str, JobReport]:
        history = self._dialect.history
        if history is None:
            return {}
        answers, unasked = self._put(history, jobs)
        for job, error in unasked.items():  # no trouble: an accounting may be switched off, or be late
            logger.debug("nothing is known of the end of job %s: %s", job, error)
        # It is asked for ends. Of a job whose end it has missed, an accounting says for ever that it runs.
        return {job: report for job, report in answers.items() if report.state in TERMINAL_STATES}

    def _with_remains(self, job: str, report: JobReport | None) -> JobReport | None:
        files = self._files.of(job)
        return report if files is None else with_remains(report, files, now=self._clock.wall())

    def _note_ends(self, reports: Mapping[str, JobReport]) -> None:
        over = {job: report for job, report in reports.items() if report.state in TERMINAL_STATES}
        self._over |= over
        self._files.remove_extra([files for job in over if (files := self._files.of(job)) is not None])

    def _chosen_query(self) -> StatusQuery:
        """The first way to ask that works here; found out once."""
        if self._query is None:
            *others, last = self._dialect.status
            self._query = next((query for query in others if query.probe is None or self._works(query.probe)), last)
        return self._query

    def _works(self, probe: Command) -> bool:
        try:
            return self._run_aside(probe).exit_code == 0
        except ChannelError:
            return False

    def _unanswered(self, trouble: Exception) -> ExecutionProviderException:
        error = ExecutionProviderException(f"{self._provider.label}: the batch system did not answer: {trouble}")
        error.transient = True
        return error

    # --- ending --------------------------------------------------------------------------------------------------

    def cancel(self, jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        """Ask for jobs to be ended; for those that were told before, by force where the batch system knows any.

        Raises:
            ExecutionProviderException: nobody could be told; ``transient``.
        """
        self._begin_call()
        left = [job for job in jobs if job not in self._over]
        first = [job for job in left if job not in self._told]
        again = [job for job in left if job in self._told]
        accepted: dict[str, bool] = dict.fromkeys(self._over.keys() & set(jobs), True)
        troubles: list[Exception] = []
        for command, told in ((self._dialect.cancel, first), (self._dialect.force or self._dialect.cancel, again)):
            for batch in batches(told, self._chosen_query().batch):
                try:
                    accepted |= self._end(command, batch)
                except NO_ANSWER as error:
                    troubles.append(error)
        if troubles and not any(job in accepted for job in left):
            raise self._unanswered(troubles[0]) from troubles[0]
        return {job: accepted.get(job, False) for job in jobs}

    def _end(self, command: Callable[[Sequence[str]], Command], jobs: Sequence[str]) -> Mapping[str, bool]:
        accepted = self._dialect.cancelled(self._run(command(jobs)), jobs)
        self._told.update(jobs)
        return accepted

    def _end_quietly(self, jobs: Sequence[str]) -> Mapping[str, bool]:
        try:
            return self._end(self._dialect.cancel, jobs)
        except NO_ANSWER as error:
            logger.warning("the end of job %s could not be asked for: %s", ", ".join(jobs), error)
            return dict.fromkeys(jobs, False)

    def close(self) -> None:
        """End what was submitted without a clear outcome, as far as it can be found, and release the channel."""
        self._begin_call()
        try:
            self._doubts.settle(most=None)
            self._files.close()
        finally:
            self._channel.close()

    # --- files ---------------------------------------------------------------------------------------------------

    def output(self, job: JobId) -> tuple[str | None, str | None]:
        """Paths of a job's standard output and standard error, None for one that is not there.

        Of a job on another machine they hold the end of what it wrote, as far as that machine answers.
        """
        files = self._files.of(job)
        if files is None:
            return None, None
        self._fetch_output(job)
        stdout, stderr = (str(path) if path.exists() else None for path in (files.stdout, files.stderr))
        return stdout, stderr

    def _fetch_output(self, job: str) -> None:
        now = self._clock.monotonic()
        if job in self._over or now - self._fetched.get(job, -math.inf) < FETCH_AGAIN_S:
            return
        self._fetched[job] = now
        self._begin_call()
        if (trouble := self._files.fetch([job])) is not None:
            logger.debug("what job %s wrote could not be fetched: %s", job, trouble)

    def script(self, job: JobId) -> str | None:
        """The path of a job's script, None if nobody knows it."""
        files = self._files.of(job)
        return None if files is None else str(files.script)

    def remove(self, job: JobId) -> None:
        """Remove all files of a job that is over, here and where it ran, as far as that machine answers."""
        files = self._files.of(job)
        if files is not None:
            self._begin_call()
            self._files.remove(files)

    # --- before anything is submitted ----------------------------------------------------------------------------

    def render(self, request: BlockRequest) -> Rendered:
        """What a block would be submitted with; nothing is written or run.

        Raises:
            BadLauncher: the launcher raised or gave no text.
            ConfigurationError: a value cannot stand in the script.
        """
        _, script, paths, _ = self._files.plan(request, self._files.unclaimed(request))
        return Rendered(
            script=script.text(),
            paths=paths,
            submit=self._dialect.submit(paths),
            status=tuple(_for_any_job(query.command) for query in self._dialect.status),
            cancel=_for_any_job(self._dialect.cancel),
        )

    def judge(self, request: BlockRequest) -> CommandResult:
        """Have the batch system look at a block's script without running it.

        Where it has no command for that, a job on hold is submitted and cancelled.

        Returns:
            What the command said; its exit code is 0 if the batch system would take the script.

        Raises:
            ChannelError: the command could not be run.
        """
        self._begin_call()
        files = self._files.claim(request, suffix=".judged")
        try:
            self._files.prepare(request, to_run=False)
            planned = self._files.plan(request, files)
            self._files.write(planned._replace(extra={}))
            if self._dialect.judge is not None:
                return self._run(self._dialect.judge(planned.paths))
            first, *rest = self._dialect.submit(planned.paths)
            result = self._run((first, *self._dialect.hold, *rest))
            job = self._dialect.job_id(result) if result.exit_code == 0 else None
            if job is not None:
                self._end_quietly([job])
            return result
        finally:
            self._files.remove(files)

    # --- commands ------------------------------------------------------------------------------------------------

    def _begin_call(self) -> None:
        self._deadline = time.monotonic() + self._patience + ASIDE_S
        self._aside_left = ASIDE_S

    def _run_aside(self, command: Command) -> CommandResult:
        began = time.monotonic()
        try:
            return self._run(command, at_most=self._aside_left)
        finally:
            self._aside_left -= time.monotonic() - began

    def _run(self, command: Sequence[str], stdin: str | None = None, *, at_most: float = float("inf")) -> CommandResult:
        """The outcome of a command.

        Raises:
            ChannelError: it could not be run, took too long, or there was no time left for it.
        """
        began = time.monotonic()
        timeout = min(self._provider.cmd_timeout, at_most, self._deadline - began)
        if timeout <= 0:
            raise ChannelError(f"no time was left to run {command[0]}", transient=True)
        result = self._channel.run(command, timeout=timeout, stdin=stdin)
        words, seconds = shlex.join(command)[:MOST_LOGGED], time.monotonic() - began
        logger.debug("%s: exit code %d after %.2f s", words, result.exit_code, seconds)
        return result


def _for_any_job(command: Callable[[Sequence[str]], Command]) -> Command:
    """A command about a job, whose id is shown as a word; dialects only take what can be an id."""
    return tuple(word.replace(ANY_JOB, "JOB") for word in command([ANY_JOB]))


def batches(jobs: Sequence[str], size: int) -> Iterator[list[str]]:
    """Jobs in portions of at most ``size``."""
    rest = iter(jobs)
    while batch := list(itertools.islice(rest, size)):
        yield batch
