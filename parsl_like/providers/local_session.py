"""Starting blocks as processes of this machine, and finding out what became of them.

A session need not know its jobs. A job's id holds the number and the start time of its first process and the name of
its files; the files hold the rest. So any session with the same folder, also one of a restarted program, can answer.
For jobs that it has started itself it can do so without the files, and measures times by a clock that nobody can set.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from parsl_like.core.ids import JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.errors import SubmitException
from parsl_like.launchers.base import wrap_command
from parsl_like.providers.ends import EndWatch
from parsl_like.providers.job_files import JobFiles, current_directory, write_private
from parsl_like.providers.processes import (
    ProcessFacts,
    exit_code_of_child,
    process_facts,
    signal_group,
    signal_marked,
    signal_missed,
    wait_for_end,
)
from parsl_like.providers.remains import ending
from parsl_like.providers.script import FILES_VARIABLE, Script, block_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsl_like.core.ports import BlockContext, BlockRequest
    from parsl_like.providers.base import ExecutionProvider

KILL_AFTER_S = 5.0
"""How long a job that was told to end may take before it is killed."""
LEFT_BEHIND_S = 2.0
"""How long what a job's command left behind may take to end before it is killed."""
LAST_WAIT_S = 2.0
"""How long the end of a killed job is waited for."""
MOST_DIGITS = 10
"""Of a process's number."""
LOOKS = 5
"""How often what a job has left behind is looked for, as long as something is found."""


class LocalJob(NamedTuple):
    """What a job's id says.

    Attributes:
        pid: The shell's process, which leads the job's session and process group.
        started: When that process began, so that a later process with its number is not taken for it.
        name: What the names of the job's files begin with.
    """

    pid: int
    started: str
    name: str

    @classmethod
    def parse(cls, job: str) -> Self | None:
        """The parts of an id, None if it is not one of this provider."""
        pid, _, rest = job.partition("@")
        started, _, name = rest.partition("/")
        number = pid.isascii() and pid.isdecimal() and len(pid) <= MOST_DIGITS
        if not number or name in ("", ".", "..") or "\0" in job or os.path.basename(name) != name:
            return None
        return cls(int(pid), started, name)

    def __str__(self) -> str:
        return f"{self.pid}@{self.started}/{self.name}"

    def facts(self) -> ProcessFacts | None:
        """What the system knows of the process; None if it is gone, whoever may have its number now."""
        facts = process_facts(self.pid)
        return facts if facts is not None and facts.started == self.started else None


class LocalProviderSession:
    """Satisfies ``core.ports.ProviderSession`` and, on Linux, announces when a job's first process has ended.

    Args:
        provider: What is wanted.
        context: Where scripts go, and the time.
    """

    def __init__(self, provider: ExecutionProvider, context: BlockContext) -> None:
        self._provider = provider
        self._clock = context.clock
        self._folder = Path(context.script_dir).absolute()
        self._directory = current_directory(self._folder)
        self._thread_name = f"parsl-like-ends-{context.label}"
        self._told: dict[JobId, float] = {}
        self._started: dict[JobId, dict[Path, float]] = {}
        self._ends: EndWatch | None = None

    def when_changed(self, tell: Callable[[], None]) -> bool:
        """Have a function called whenever a job that this session has seen running ends; False if that cannot be."""
        if self._ends is None:
            with contextlib.suppress(OSError):
                self._ends = EndWatch(self._thread_name, tell)
        return self._ends is not None

    def submit(self, request: BlockRequest) -> JobId:
        """Write the block's script and start it.

        Raises:
            SubmitException: no process could be started.
            ScriptPathError: the script could not be written.
            BadLauncher: the launcher raised or gave no text.
        """
        provider = self._provider
        command = wrap_command(provider.launcher, request.command, request.tasks_per_node, provider.nodes_per_block)
        files = JobFiles.claim(self._folder, f"{request.job_name}.block-{request.block_id}")
        script = Script(
            name=f"block {request.block_id} ({request.job_name})",
            path=str(files.script),
            exit_code_path=str(files.exit_code),
            timeout_path=str(files.timeout),
            directory=self._directory,
            command=command,
            worker_init=provider.worker_init,
            exports=block_environment(files.extra, provider),
            walltime=request.walltime,
        )
        files.write(script.text(), request.files)
        pid = _start(request.job_name, files)
        self._watch(pid)
        facts = process_facts(pid)
        job = JobId(str(LocalJob(pid, facts.started if facts else "?", files.name)))
        self._started[job] = {}
        return job

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        """The states of jobs; one whose script is not in this session's folder, nor ever was, is not in the mapping.

        Takes note of the end of children, kills jobs that were told to end and did not, and removes a block's own files
        once it is over.
        """
        reports = {}
        for job in jobs:
            if (known := self._known(job)) is not None:
                reports[job] = self._report(*known)
        return reports

    def cancel(self, jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        """Tell jobs to end; one that was told before is killed.

        Returns:
            True for a job that is over or was told so, False for one this provider knows nothing of.
        """
        accepted = {}
        for job in jobs:
            known = self._known(job)
            accepted[job] = known is not None
            if known is not None and self._report(*known).state is JobState.RUNNING:
                self._told.setdefault(job, self._clock.monotonic())
                _tell(*known)
        return accepted

    def output(self, job: JobId) -> tuple[str | None, str | None]:
        """Paths of a job's standard output and standard error, None for one that is not there."""
        known = self._known(job)
        if known is None:
            return None, None
        stdout, stderr = (str(path) if path.exists() else None for path in (known[1].stdout, known[1].stderr))
        return stdout, stderr

    def close(self) -> None:
        """See to the end of the jobs that were cancelled through this session, by force if need be; others go on."""
        if self._ends is not None:
            self._ends.close()
        deadline = time.monotonic() + KILL_AFTER_S
        for job in tuple(self._told):
            while not self._has_ended(job):
                left = deadline - time.monotonic()
                if left < -LAST_WAIT_S:
                    break  # not even SIGKILL ends a process that the kernel holds
                if left < 0:
                    self.cancel([job])
                if (known := self._known(job)) is not None:
                    wait_for_end(known[0].pid, max(left, 0.1))
        self._told.clear()

    def _has_ended(self, job: JobId) -> bool:
        known = self._known(job)
        return known is None or self._report(*known).state is not JobState.RUNNING

    def _known(self, job: JobId) -> tuple[LocalJob, JobFiles] | None:
        parts = LocalJob.parse(job)
        if parts is None:
            return None
        files = JobFiles(self._folder, parts.name)
        if job not in self._started and not files.script.exists():
            return None
        return parts, files

    def _report(self, job: LocalJob, files: JobFiles) -> JobReport:
        facts = job.facts()
        if _runs(facts) and self._watch(job.pid):
            facts = job.facts()  # it may have ended before it was watched
        if _runs(facts):
            self._hurry(job, files)
            return JobReport(JobState.RUNNING)
        if facts is not None:
            _note_end(job, files)
        if self._ends is not None:
            self._ends.forget(job.pid)
        self._told.pop(JobId(str(job)), None)
        self._seen_first(job).clear()
        _end_rest(files)
        files.remove_extra()
        return ending(files, files.read_exit_code())

    def _watch(self, pid: int) -> bool:
        """Have the end of a process announced; False if it is not, or was to be before."""
        try:
            return self._ends is not None and self._ends.add(pid)
        except OSError:  # no descriptor is left; it is asked after from time to time all the same
            return False

    def _hurry(self, job: LocalJob, files: JobFiles) -> None:
        """See to it that a job that is to end does: one that was told to, and what is left after its command."""
        told = [self._age(job, files, files.cancelled), self._age(job, files, files.timeout)]
        if (here := self._told.get(JobId(str(job)))) is not None:
            told.append(self._clock.monotonic() - here)  # on a full disk there is no file to say so
        over = self._age(job, files, files.exit_code) if files.read_exit_code() is not None else None
        if (over or 0.0) > LEFT_BEHIND_S or any((age or 0.0) > KILL_AFTER_S for age in told):
            _kill(job, files)
        elif any(age is not None for age in told):
            signal_missed(job.pid, signal.SIGTERM)

    def _age(self, job: LocalJob, files: JobFiles, path: Path) -> float | None:
        """Seconds since a file was made, as far as this session can know; None if it is not there."""
        if JobId(str(job)) not in self._started:
            return files.age(path, self._clock.wall())
        if not path.exists():
            return None
        now = self._clock.monotonic()
        return now - self._seen_first(job).setdefault(path, now)

    def _seen_first(self, job: LocalJob) -> dict[Path, float]:
        return self._started.get(JobId(str(job)), {})


def _runs(facts: ProcessFacts | None) -> bool:
    return facts is not None and not facts.ended


def _start(job_name: str, files: JobFiles) -> int:
    import shutil

    shell = shutil.which("bash")
    if shell is None or not hasattr(os, "posix_spawn"):
        raise SubmitException(job_name, "blocks of a LocalProvider need bash and a POSIX system")
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(files.stdout), os.O_WRONLY | os.O_APPEND, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(files.stderr), os.O_WRONLY | os.O_APPEND, 0),
    ]
    try:
        # Not subprocess: its object would have to be kept, and asked, for as long as the job runs.
        return os.posix_spawn(
            shell,
            ["bash", str(files.script)],
            os.environ,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE,),  # Python ignores it; a block's commands expect what a shell gives them
        )
    except OSError as error:
        transient = isinstance(error, BlockingIOError)
        raise SubmitException(job_name, f"cannot start {files.script}: {error}", transient=transient) from error


def _tell(job: LocalJob, files: JobFiles) -> None:
    try:
        write_private(files.cancelled, b"")
    except FileExistsError:
        _kill(job, files)
        return
    except OSError:
        pass  # on a full disk the job ends all the same, only the reason is not kept
    signal_group(job.pid, signal.SIGTERM)


def _kill(job: LocalJob, files: JobFiles) -> None:
    signal_group(job.pid, signal.SIGKILL)
    signal_marked(_mark(files), signal.SIGKILL)


def _end_rest(files: JobFiles) -> None:
    """Kill what is left of a job that is over; a look may miss a process that is being forked by one it finds."""
    for _ in range(LOOKS):
        if not signal_marked(_mark(files), signal.SIGKILL):
            return


def _mark(files: JobFiles) -> bytes:
    return os.fsencode(f"{FILES_VARIABLE}={files.extra}")


def _note_end(job: LocalJob, files: JobFiles) -> None:
    """Reap a child; one that was killed has left no exit code, so that is written for it."""
    exit_code = exit_code_of_child(job.pid)
    if exit_code is not None and files.read_exit_code() is None:
        with contextlib.suppress(OSError):
            files.exit_code.write_text(f"{exit_code}\n", encoding="ascii")
