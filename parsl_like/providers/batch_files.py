"""The files of a session's jobs: which are whose, and what is in their scripts."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from parsl_like.errors import ChannelError
from parsl_like.launchers.base import wrap_command
from parsl_like.providers.dialect import JobPaths
from parsl_like.providers.job_files import JobFiles, JobNames, current_directory, safe_name, write_private
from parsl_like.providers.script import Script, block_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path, PurePath

    from parsl_like.core.ports import BlockRequest
    from parsl_like.providers.batch import BatchProvider
    from parsl_like.providers.remote_blocks import RemoteBlocks


class PlannedJob(NamedTuple):
    """A block's job before it is submitted.

    Attributes:
        files: Its files.
        script: What is in its script.
        paths: What the batch system is told of it.
        extra: The block's own files, by name.
    """

    files: JobFiles
    script: Script
    paths: JobPaths
    extra: Mapping[str, bytes]


class BatchFiles:
    """The files of jobs in one folder, found by the jobs' ids.

    For each job there is a file, named after its id, that holds what the names of the job's other files begin with. So
    any object with the same folder finds them, also one of a restarted program.

    Args:
        folder: Where they are; absolute.
        provider: Whose jobs these are.
        remote: The machine where jobs are submitted, if its files are not this machine's.
    """

    def __init__(self, folder: Path, provider: BatchProvider, remote: RemoteBlocks | None = None) -> None:
        self._folder = folder
        self._provider = provider
        self._remote = remote
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

    # --- before a job is submitted -------------------------------------------------------------------------------

    def prepare(self, request: BlockRequest, *, to_run: bool = True) -> None:
        """Have everything made that a plan needs on the machine where jobs are submitted.

        Args:
            request: The block.
            to_run: Whether the job is to run: one that is only looked at needs no way back here.

        Raises:
            ChannelError: it does not answer.
        """
        if self._remote is None:
            return
        if to_run:
            self._remote.prepare(request)
        else:
            self._remote.mirror.place()

    def plan(self, request: BlockRequest, files: JobFiles) -> PlannedJob:
        """What goes into a job's script, and what the batch system is told; nothing is written.

        Raises:
            BadLauncher: the launcher raised or gave no text.
            ConfigurationError: a value cannot stand in the script.
        """
        there: JobNames[PurePath] = JobNames(files.folder, files.name)
        directory = self._directory
        if self._remote is not None:
            names = self._remote.mirror.names(files.name)
            there = JobNames(names.folder, names.name)
            directory = self._remote.directory
            request = self._remote.placed(request, files.name)
        name = unique_name(request, self._provider.longest_name)
        late = self._provider.streams_late
        paths = JobPaths(
            script=str(there.script),
            stdout=str(there.batch_output if late else there.stdout),
            stderr=str(there.batch_output if late else there.stderr),
            folder=str(there.folder),
            name=name,
        )
        return PlannedJob(files, self._script(request, there, name, directory), paths, request.files)

    def _script(self, request: BlockRequest, there: JobNames[PurePath], name: str, directory: str) -> Script:
        provider = self._provider
        late = provider.streams_late
        return Script(
            name=f"block {request.block_id} ({request.job_name})",
            path=str(there.script),
            exit_code_path=str(there.exit_code),
            timeout_path=str(there.timeout),
            directory=directory,
            command=wrap_command(provider.launcher, request.command, request.tasks_per_node, provider.nodes_per_block),
            worker_init=provider.worker_init,
            exports={**block_environment(there.extra, provider), **provider.exports(request)},
            walltime=request.walltime,
            header=provider.header(request, name),
            lifetime=provider.lifetime,
            ends_path=str(there.ends),
            stdout_path=str(there.stdout) if late else "",
            stderr_path=str(there.stderr) if late else "",
            may_return=provider.may_return,
            words=provider.exit_words,
        )

    def write(self, planned: PlannedJob) -> None:
        """Write a job's script and the block's own files where it will run; keys are nowhere else.

        Raises:
            ScriptPathError: the disk here refuses, or the name of a file would lead out of its folder.
            FileCopyException: the machine where jobs are submitted refuses.
            ChannelError: it does not answer.
        """
        text = planned.script.text()
        if self._remote is None:
            planned.files.write(text, planned.extra)
        else:
            planned.files.write_script(text)
            self._remote.mirror.send(planned.files.name, text, planned.extra)

    # --- whose files ---------------------------------------------------------------------------------------------

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

    # --- once jobs have been submitted ---------------------------------------------------------------------------

    def fetch(self, jobs: Sequence[str]) -> ChannelError | None:
        """Bring here what jobs have left where they ran, one command for all; why that was not possible, if so."""
        names = [files.name for job in jobs if (files := self.of(job)) is not None]
        if self._remote is None or not names:
            return None
        try:
            self._remote.mirror.fetch(names)
        except ChannelError as error:
            return error
        return None

    def remove_extra(self, of: Sequence[JobFiles]) -> None:
        """Remove the blocks' own files of jobs that are over, or will never begin."""
        for files in of:
            files.remove_extra()
        if self._remote is not None and of:
            self._remote.mirror.discard([files.name for files in of])

    def remove(self, files: JobFiles) -> None:
        """Remove all files of a job."""
        files.remove()
        if self._remote is not None:
            self._remote.mirror.remove(files.name)

    def look(self) -> None:
        """See whether the way between here and blocks elsewhere is all right."""
        if self._remote is not None:
            self._remote.look()

    def close(self) -> None:
        """Close that way."""
        if self._remote is not None:
            self._remote.close()


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
