"""Blocks as processes of another machine, which is reached by a channel: no batch system, no shared files.

A block's script leads a session of its own there, so it outlives the channel's connection, and its managers outlive it
with it. What has become of it is asked by name: the files there hold the number and the start time of its first process
and what it left. So any session with the same folder here can answer, also one of a restarted program.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from parsl_like.core.ids import JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.errors import ChannelError, ExecutionProviderException, OptionalModuleMissing, SubmitException
from parsl_like.launchers.base import wrap_command
from parsl_like.providers import host_script
from parsl_like.providers.job_files import JobFiles, safe_name, write_private
from parsl_like.providers.remains import ending
from parsl_like.providers.remote_blocks import RemoteBlocks
from parsl_like.providers.remote_files import Mirror, is_remote
from parsl_like.providers.script import Script, block_environment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from parsl_like.channels.base import Channel
    from parsl_like.core.ports import BlockContext, BlockRequest, CommandResult, RemoteChannelSession
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.host_script import Seen

logger = logging.getLogger(__name__)

KILL_AFTER_S = 5.0
"""How long a job that was told to end may take before it is killed."""
LEFT_BEHIND_S = 2.0
"""How long what a job's command left behind may take to end before it is killed."""
LOOK_AGAIN_S = 1.0
"""How old an answer may be: whoever asks more often gets the last one."""
FETCH_AGAIN_S = 10.0
"""The same for what a running job wrote."""
ASIDE_S = 5.0
"""How long a command may take that is not what a call was made for."""
PAUSE_S = 0.2
"""Between two looks at jobs whose end is waited for."""


class HostSession:
    """Satisfies ``core.ports.ProviderSession`` for one machine without a batch system.

    Guarantees: no call takes much longer than twice ``cmd_timeout``; a failure to answer never says anything about a
    job; a job whose start had no clear outcome either runs under its id or never will; the end of a job never changes.

    Args:
        provider: What is wanted.
        channel: The way there; opened when it is first needed, closed with the session.
        context: Where scripts go, and the time.
        host: A name of that machine that no other machine has whose jobs have their files in the same folder.
    """

    def __init__(self, provider: ExecutionProvider, channel: Channel, context: BlockContext, host: str) -> None:
        self.host = host
        self._provider = provider
        self._channel = channel
        self._clock = context.clock
        self._folder = Path(context.script_dir).absolute()
        self._mirror = Mirror(self._folder, host, channel.script_dir, self._run)
        self._session: RemoteChannelSession | None = None
        self._blocks = RemoteBlocks(channel, self._connected, self._mirror, context.clock)
        self._deadline = 0.0
        self._started: set[str] = set()
        self._over: dict[str, JobReport] = {}
        self._seen: dict[str, tuple[float, JobReport]] = {}
        self._fetched: dict[str, float] = {}
        self._told: dict[str, float] = {}
        self._ec_seen: dict[str, float] = {}
        self._doubts: set[str] = set()

    # --- the way there -------------------------------------------------------------------------------------------

    def reach(self) -> None:
        """Make the connection, and the folder for the files there.

        Raises:
            ChannelError: that cannot be done; says why.
        """
        self._begin_call()
        if self._mirror.known is None:
            self._mirror.place()
        else:
            self._run(("true",))

    @property
    def place(self) -> str | None:
        """The folder there in which the files of its jobs are; None if it was never reached."""
        known = self._mirror.known
        return None if known is None else str(known.folder)

    def _connected(self) -> RemoteChannelSession:
        if self._session is None:
            try:
                session = self._channel.open()
            except OptionalModuleMissing as error:
                raise ChannelError(str(error), self.host) from error
            if not is_remote(session):
                session.close()
                kind = type(self._channel).__name__
                raise ChannelError(f"{kind} does not lead to a machine on which blocks can be started", self.host)
            self._session = session
        return self._session

    def _begin_call(self) -> None:
        self._deadline = time.monotonic() + self._provider.cmd_timeout + ASIDE_S

    def _run(self, command: Sequence[str], stdin: str | None = None) -> CommandResult:
        timeout = min(self._provider.cmd_timeout, self._deadline - time.monotonic())
        if timeout <= 0:
            raise ChannelError("no time was left to run a command", self.host, transient=True)
        return self._connected().run(command, timeout=timeout, stdin=stdin)

    # --- submitting ----------------------------------------------------------------------------------------------

    def submit(self, request: BlockRequest) -> JobId:
        """Bring the block's script there and start it.

        Raises:
            SubmitException: it could not be; ``transient`` if that may pass. Should it have come to be all the same, it
                is ended as soon as the machine answers.
            ScriptPathError: the script could not be written.
            BadLauncher: the launcher raised or gave no text.
        """
        self._begin_call()
        files = JobFiles.claim(self._folder, f"{request.job_name}.block-{request.block_id}")
        try:
            self._blocks.prepare(request)
            self._begin_call()  # a tunnel may take longer than a command does
            placed = self._blocks.placed(request, files.name)
            text = self._script(placed, files.name)
            files.write_script(text)
            self._start(files.name, text, placed.files)
        except ChannelError as error:
            raise SubmitException(request.job_name, str(error), transient=error.transient) from error
        self._started.add(files.name)
        return JobId(files.name)

    def _script(self, request: BlockRequest, name: str) -> str:
        provider, there = self._provider, self._mirror.names(name)
        script = Script(
            name=f"block {request.block_id} ({request.job_name})",
            path=str(there.script),
            exit_code_path=str(there.exit_code),
            timeout_path=str(there.timeout),
            directory=self._blocks.directory,
            command=wrap_command(provider.launcher, request.command, request.tasks_per_node, provider.nodes_per_block),
            worker_init=provider.worker_init,
            exports=block_environment(there.extra, provider),
            walltime=request.walltime,
        )
        return script.text()

    def preview(self, request: BlockRequest) -> tuple[str, str]:
        """The path there and the text of a block's script, without asking the machine for anything.

        Raises:
            BadLauncher: the launcher raised or gave no text.
        """
        name = safe_name(f"{request.job_name}.block-{request.block_id}")
        placed = self._blocks.placed(request, name)
        return str(self._mirror.names(name).script), self._script(placed, name)

    def _start(self, name: str, text: str, extra: Mapping[str, bytes]) -> None:
        try:
            self._mirror.send(name, text, extra, start=True)
        except ChannelError as error:
            if not error.transient or not self._has_begun(name):
                raise
            logger.info("the start of %s on %s had no clear outcome, but it runs", name, self.host)

    def _has_begun(self, name: str) -> bool:
        """Whether a job has begun whose start had no clear outcome; else it never will, or is ended later."""
        self._deadline = time.monotonic() + ASIDE_S
        try:
            answer = self._tell(host_script.WITHDRAW, name)
        except ChannelError:
            answer = {}
        if name not in answer:
            self._doubts.add(name)
        return answer.get(name) == "begun"

    def _settle(self) -> None:
        """End what came to be although its start had counted as failed."""
        if self._doubts:
            self._doubts.difference_update(self._tell(host_script.END, host_script.KILL, *sorted(self._doubts)))

    # --- asking --------------------------------------------------------------------------------------------------

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        """The states of jobs; one whose script is not in this session's folder is not in the mapping.

        Kills jobs that were told to end and did not, and what jobs have left behind.

        Raises:
            ExecutionProviderException: the machine does not answer; ``transient``.
        """
        self._begin_call()
        names = [str(job) for job in jobs if self._knows(job)]
        now = self._clock.monotonic()
        stale = [name for name in names if name not in self._over and not self._is_fresh(name, now)]
        try:
            if stale or self._doubts:
                self._look(stale, now)
        except ChannelError as error:
            raise self._silent(error) from error
        return {job: self._report(str(job)) for job in jobs if str(job) in names}

    def _look(self, names: Sequence[str], now: float) -> None:
        found = self._mirror.fetch(names, output=False) if names else {}
        for name in names:
            self._note(name, found.get(name), now)
        self._end(self._overdue(names, now), host_script.KILL)
        self._settle()
        self._blocks.look()

    def _report(self, name: str) -> JobReport:
        return self._over.get(name) or self._seen[name][1]

    def _is_fresh(self, name: str, now: float) -> bool:
        seen = self._seen.get(name)
        return seen is not None and now - seen[0] < LOOK_AGAIN_S

    def _note(self, name: str, seen: Seen | None, now: float) -> None:
        files = JobFiles(self._folder, name)
        state = "" if seen is None else seen.state
        if state == "runs" or (state == "begins" and name not in self._told):
            self._seen[name] = now, JobReport(JobState.RUNNING)
            if files.read_exit_code() is not None:
                self._ec_seen.setdefault(name, now)
            return
        report = ending(files, files.read_exit_code())
        if not state and report.exit_code is None and report.state is JobState.FAILED:
            text = f"{files.script}: there is nothing of it on {self.host}; its files have been removed there"
            report = JobReport(JobState.FAILED, text)
        else:
            report = dataclasses.replace(report, message=f"on {self.host}: {report.message}")
        self._over[name] = report
        for times in (self._told, self._ec_seen, self._fetched, self._seen):
            times.pop(name, None)

    def _overdue(self, names: Iterable[str], now: float) -> list[str]:
        """Jobs that were to end and did not, and those that are over but for what they have left behind."""
        found = []
        for name in names:
            told, ended = self._told.get(name), self._ec_seen.get(name)
            if (told is not None and now - told > KILL_AFTER_S) or (ended is not None and now - ended > LEFT_BEHIND_S):
                found.append(name)
        return found

    def _knows(self, job: str) -> bool:
        if job in self._started:
            return True
        return bool(job) and safe_name(job) == job and JobFiles(self._folder, job).script.exists()

    def _silent(self, error: ChannelError) -> ExecutionProviderException:
        silent = ExecutionProviderException(f"{self.host} does not answer: {error}")
        silent.transient = True
        return silent

    # --- ending --------------------------------------------------------------------------------------------------

    def cancel(self, jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        """Tell jobs to end; those that were told before are killed.

        Returns:
            True for a job that is over or was told so, False for one this session knows nothing of.

        Raises:
            ExecutionProviderException: the machine does not answer; ``transient``.
        """
        self._begin_call()
        names = [str(job) for job in jobs if self._knows(job)]
        left = [name for name in names if name not in self._over]
        first = [name for name in left if not JobFiles(self._folder, name).cancelled.exists()]
        try:
            told = self._end(first, host_script.TERM)
            told |= self._end([name for name in left if name not in first], host_script.KILL)
        except ChannelError as error:
            raise self._silent(error) from error
        self._note_told(told)
        return {job: str(job) in self._over or str(job) in told for job in jobs}

    def _note_told(self, names: Iterable[str]) -> None:
        now = self._clock.monotonic()
        for name in names:
            with contextlib.suppress(OSError):  # it is there already; or the disk is full, and the reason is not kept
                write_private(JobFiles(self._folder, name).cancelled, b"")
            self._told.setdefault(name, now)
            self._seen.pop(name, None)

    def _end(self, names: Collection[str], signal: str) -> set[str]:
        return set(self._tell(host_script.END, signal, *names)) if names else set()

    def _tell(self, text: str, *words: str) -> dict[str, str]:
        folder = str(self._mirror.place().folder)
        return host_script.answers_of(self._run(host_script.command(text, folder, *words)).stdout, words)

    def close(self) -> None:
        """See to the end of the jobs that were cancelled through this session, by force if need be; others go on."""
        try:
            self._end_the_told()
        except (ChannelError, ExecutionProviderException) as error:
            left = ", ".join((*self._told, *self._doubts))
            logger.warning("whether %s ended on %s is not known: %s", left, self.host, error)
        finally:
            self._blocks.close()
            if self._session is not None:
                self._session.close()

    def _end_the_told(self) -> None:
        if self._session is None:
            return
        deadline = time.monotonic() + KILL_AFTER_S + 2 * PAUSE_S
        while self._told or self._doubts:
            left = deadline - time.monotonic()
            for name in self._told:
                self._seen.pop(name, None)
            reports = self.status([JobId(name) for name in self._told])
            if all(report.state in TERMINAL_STATES for report in reports.values()) and not self._doubts:
                return
            if left < 0:
                self._end(list(self._told), host_script.KILL)
                return
            time.sleep(PAUSE_S)

    # --- files ---------------------------------------------------------------------------------------------------

    def output(self, job: JobId) -> tuple[str | None, str | None]:
        """Paths here of the end of a job's standard output and standard error, as far as the machine answers."""
        if not self._knows(job):
            return None, None
        self._fetch_output(str(job))
        return self.paths(job)

    def paths(self, job: JobId) -> tuple[str | None, str | None]:
        """The same, without asking the machine."""
        if not self._knows(job):
            return None, None
        files = JobFiles(self._folder, str(job))
        stdout, stderr = (str(path) if path.exists() else None for path in (files.stdout, files.stderr))
        return stdout, stderr

    def _fetch_output(self, name: str) -> None:
        now = self._clock.monotonic()
        if name in self._over or now - self._fetched.get(name, float("-inf")) < FETCH_AGAIN_S:
            return
        self._fetched[name] = now
        self._begin_call()
        try:
            self._mirror.fetch([name])
        except ChannelError as error:
            logger.debug("what %s wrote on %s could not be fetched: %s", name, self.host, error)

    def script(self, job: JobId) -> str | None:
        """The path here of a job's script, None if nobody knows it."""
        return str(JobFiles(self._folder, str(job)).script) if self._knows(job) else None

    def remove(self, job: JobId) -> None:
        """Remove all files of a block that is over where it ran, as far as the machine answers."""
        if self._knows(job):
            self._begin_call()
            self._mirror.remove(str(job))
