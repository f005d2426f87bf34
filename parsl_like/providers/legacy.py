"""Providers that users wrote for Parsl: their ``submit``, ``status`` and ``cancel`` are called as they are written."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.core.unbuilt import refuse_unbuilt
from parsl_like.errors import SubmitException
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.base import CALLED_AS_WRITTEN, ExecutionProvider, is_foreign
from parsl_like.providers.job_files import JobFiles
from parsl_like.providers.script import FILES_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import BlockContext, BlockRequest, ProviderSession


HOME = "parsl_like.providers."
"""Where the providers live that have hooks of their own."""


class LegacyProviderSession:
    """Makes a session of an object with Parsl's three methods.

    Job ids go back to the object in the type in which it gave them. A block's own files are written here; the command
    that the object is given begins with the variable that tells where they are.

    Args:
        provider: The user's object.
        context: Where scripts go; set as the object's ``script_dir`` unless it has one.
    """

    def __init__(self, provider: Any, context: BlockContext) -> None:
        self._provider = provider
        self._folder = Path(context.script_dir).absolute()
        self._given: dict[JobId, Any] = {}
        self._files: dict[JobId, JobFiles] = {}
        self._paths: dict[JobId, tuple[str | None, str | None]] = {}
        if getattr(provider, "script_dir", None) is None:
            provider.script_dir = str(self._folder)

    def submit(self, request: BlockRequest) -> JobId:
        """Submit one block through the user's method.

        Raises:
            SubmitException: it gave no job id.
            Exception: whatever it raises.
        """
        if not request.files:
            return self._submit(request, request.command)
        files = JobFiles.claim(self._folder, f"{request.job_name}.block-{request.block_id}.legacy")
        try:
            files.write("", request.files)
            command = f"export {FILES_VARIABLE}={shlex.quote(str(files.extra))}; {request.command}"
            job = self._submit(request, command)
        except BaseException:
            files.remove_extra()
            raise
        self._files[job] = files
        return job

    def _submit(self, request: BlockRequest, command: str) -> JobId:
        given = self._provider.submit(command, request.tasks_per_node, request.job_name)
        if given is None:
            raise SubmitException(request.job_name, f"{self._provider!r} gave no job id", transient=True)
        job = JobId(str(given))
        self._given[job] = given
        return job

    def status(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobReport]:
        """What the user's method says, job by job in the order of the ids; None and a list too short say nothing.

        A block's own files are removed once it is over.
        """
        reports = {}
        for job, status in zip(jobs, self._provider.status(self._ids(jobs)), strict=False):
            if status is not None:
                reports[job] = JobReport(
                    JobState(status.state), getattr(status, "message", None), getattr(status, "exit_code", None)
                )
                self._paths[job] = getattr(status, "stdout_path", None), getattr(status, "stderr_path", None)
                if reports[job].state in TERMINAL_STATES and (files := self._files.pop(job, None)) is not None:
                    files.remove_extra()
        return reports

    def cancel(self, jobs: Sequence[JobId]) -> Mapping[JobId, bool]:
        """What the user's method says, job by job in the order of the ids."""
        answers = self._provider.cancel(self._ids(jobs))
        return {job: bool(answer) for job, answer in zip(jobs, answers, strict=False)}

    def output(self, job: JobId) -> tuple[str | None, str | None]:
        """The paths that came with the job's last state."""
        return self._paths.get(job, (None, None))

    def close(self) -> None:
        """Nothing to release; the object is the user's."""

    def _ids(self, jobs: Sequence[JobId]) -> list[Any]:
        return [self._given.get(job, job) for job in jobs]


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a provider with methods of the user's own, or with an ``open`` of its own; None for any other.

    Raises:
        ConfigurationError: this version only describes blocks of that kind.
    """
    refuse_unbuilt(description)
    if is_foreign(description):
        usable = all(callable(getattr(description, name, None)) for name in CALLED_AS_WRITTEN)
        return LegacyProviderSession(description, context) if usable else None
    known = type(description).__module__.startswith(HOME) or type(description).open is ExecutionProvider.open
    return None if known else description.open(context)
