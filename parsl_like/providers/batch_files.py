"""The files of a session's jobs: which are whose, and what is in their scripts."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from parsl_like.launchers.base import wrap_command
from parsl_like.providers.dialect import JobPaths
from parsl_like.providers.job_files import JobFiles, current_directory, safe_name, write_private
from parsl_like.providers.script import Script, block_environment

if TYPE_CHECKING:
    from pathlib import Path

    from parsl_like.core.ports import BlockRequest
    from parsl_like.providers.batch import BatchProvider


class PlannedJob(NamedTuple):
    """A block's job before it is submitted.

    Attributes:
        files: Its files.
        script: What is in its script.
        paths: What the batch system is told of it.
    """

    files: JobFiles
    script: Script
    paths: JobPaths


class BatchFiles:
    """The files of jobs in one folder, found by the jobs' ids.

    For each job there is a file, named after its id, that holds what the names of the job's other files begin with. So
    any object with the same folder finds them, also one of a restarted program.

    Args:
        folder: Where they are; absolute.
        provider: Whose jobs these are.
    """

    def __init__(self, folder: Path, provider: BatchProvider) -> None:
        self._folder = folder
        self._provider = provider
        self._directory = current_directory(folder)
        self._known: dict[str, JobFiles] = {}

    def claim(self, request: BlockRequest, suffix: str = "") -> JobFiles:
        """New files for a block's job.

        Raises:
            ScriptPathError: they cannot be made.
        """
        return JobFiles.claim(self._folder, _stem(request) + suffix)

    def unclaimed(self, request: BlockRequest) -> JobFiles:
        """The files that a block's job would have, if it were the first one of that name."""
        return JobFiles(self._folder, safe_name(_stem(request)) or "job")

    def plan(self, request: BlockRequest, files: JobFiles) -> PlannedJob:
        """What goes into a job's script, and what the batch system is told; nothing is written.

        Raises:
            BadLauncher: the launcher raised or gave no text.
            ConfigurationError: a value cannot stand in the script.
        """
        provider, name = self._provider, unique_name(request, self._provider.longest_name)
        late = provider.streams_late
        script = Script(
            name=f"block {request.block_id} ({request.job_name})",
            path=str(files.script),
            exit_code_path=str(files.exit_code),
            timeout_path=str(files.timeout),
            directory=self._directory,
            command=wrap_command(provider.launcher, request.command, request.tasks_per_node, provider.nodes_per_block),
            worker_init=provider.worker_init,
            exports={**block_environment(files.extra, provider), **provider.exports(request)},
            walltime=request.walltime,
            header=provider.header(request, name),
            lifetime=provider.lifetime,
            ends_path=str(files.ends),
            stdout_path=str(files.stdout) if late else "",
            stderr_path=str(files.stderr) if late else "",
            may_return=provider.may_return,
            words=provider.exit_words,
        )
        paths = JobPaths(
            script=str(files.script),
            stdout=str(files.batch_output if late else files.stdout),
            stderr=str(files.batch_output if late else files.stderr),
            folder=str(self._folder),
            name=name,
        )
        return PlannedJob(files, script, paths)

    def keep(self, job: str, files: JobFiles) -> None:
        """From now on these files are a job's."""
        self._known[job] = files
        record = self._record(job)
        with suppress(OSError):  # on a full disk another session will not know the files; this one does
            record.unlink(missing_ok=True)  # of an earlier job: batch systems begin to count anew some day
            write_private(record, files.name.encode())

    def of(self, job: str) -> JobFiles | None:
        """The files of a job, None if it is not one of this folder."""
        if job not in self._known:
            try:
                name = self._record(job).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                return None
            if not name or os.path.basename(name) != name or safe_name(name) != name:
                return None
            self._known[job] = JobFiles(self._folder, name)
        return self._known[job]

    def _record(self, job: str) -> Path:
        return self._folder / f"{safe_name(job)}.job"


def unique_name(request: BlockRequest, longest: int) -> str:
    """A name that no other job has: after a submission without a clear outcome it is all there is to go by.

    It begins with a letter, as some batch systems want it, and has letters, digits, ``_``, ``.`` and ``-`` only.

    Args:
        request: The block.
        longest: Characters it may have, at least 10.
    """
    token = secrets.token_hex(4)
    plain = f"{safe_name(_stem(request))}.{token}"
    if len(plain) <= longest and plain[0].isalpha():
        return plain
    number = safe_name(str(request.block_id))
    return f"p{token}.{number}"[:longest]


def _stem(request: BlockRequest) -> str:
    return f"{request.job_name}.block-{request.block_id}"
