"""What Parsl's programs see of a job."""

from __future__ import annotations

import dataclasses

from parsl_like.core.job_states import TERMINAL_STATES, JobState

SUMMARY_BYTES = 1024
"""How much of each end of a long output goes into its summary."""


@dataclasses.dataclass
class JobStatus:
    """The state of a job, and where its output is.

    Args:
        state: The state.
        message: More about it, in words; None for nothing.
        exit_code: The job's exit code, None if unknown.
        stdout_path: Its standard output, None if unknown.
        stderr_path: Its standard error, None if unknown.
    """

    state: JobState
    message: str | None = None
    exit_code: int | None = None
    stdout_path: str | None = None
    stderr_path: str | None = None

    @property
    def terminal(self) -> bool:
        """Whether the job is over."""
        return self.state in TERMINAL_STATES

    @property
    def status_name(self) -> str:
        """The name of the state."""
        return self.state.name

    @property
    def stdout(self) -> str | None:
        """All of the standard output; None where it cannot be read."""
        return _content(self.stdout_path)

    @property
    def stderr(self) -> str | None:
        """All of the standard error; None where it cannot be read."""
        return _content(self.stderr_path)

    @property
    def stdout_summary(self) -> str | None:
        """The standard output, its middle left out if it is long; None where it cannot be read."""
        return summary(self.stdout_path)

    @property
    def stderr_summary(self) -> str | None:
        """The standard error, its middle left out if it is long; None where it cannot be read."""
        return summary(self.stderr_path)


def summary(path: str | None) -> str | None:
    """Both ends of a text file, read without reading what lies between; None where it cannot be read."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            head = file.read(2 * SUMMARY_BYTES)
            size = file.seek(0, 2)
            if size <= 2 * SUMMARY_BYTES:
                return head.decode(errors="replace")
            file.seek(-SUMMARY_BYTES, 2)
            tail = file.read(SUMMARY_BYTES)
    except OSError:
        return None
    first, last = head[:SUMMARY_BYTES].decode(errors="replace"), tail.decode(errors="replace")
    return f"{first}\n[... {size - 2 * SUMMARY_BYTES} bytes left out ...]\n{last}"


def _content(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
