"""Why no block can be had, in words: from an exit code, the end of what a block wrote, and where it wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from parsl_like.core.job_states import TERMINAL_STATES
from parsl_like.errors import BadStateException, ScaleOutFailed
from parsl_like.jobs.causes import cause_of_refusal, likely_cause
from parsl_like.providers.status import summary

if TYPE_CHECKING:
    from parsl_like.core.ids import JobId
    from parsl_like.core.ports import ProviderSession
    from parsl_like.errors import ChannelError
    from parsl_like.jobs.row import BlockRow

TAIL_LINES = 20
ASK_THE_DOCTOR: Final = (
    "parsl-like doctor with this configuration; with --submit it sees what a block would, and says what to change."
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look for what has become of a block.

    Attributes:
        stdout: The path of its standard output, None if not known.
        stderr: The path of its standard error, None if not known.
        script: The path of its script, None if not known.
    """

    stdout: str | None = None
    stderr: str | None = None
    script: str | None = None

    @classmethod
    def of(cls, provider: ProviderSession, job: JobId) -> Self:
        """What a provider knows of a job; sessions may have ``script(job)``, which gives a path or None."""
        stdout, stderr = provider.output(job)
        ask = getattr(provider, "script", None)
        script = ask(job) if callable(ask) else None
        return cls(stdout, stderr, script if isinstance(script, str) else None)


def tail(path: str | None) -> str:
    """The last lines of a file that may be long, or nothing."""
    return "\n".join((summary(path) or "").splitlines()[-TAIL_LINES:])


def explain(
    executor: str,
    provider: str,
    reason: str,
    row: BlockRow | None,
    evidence: Evidence,
    lost: ChannelError | None = None,
) -> BadStateException:
    """The error that every task of an executor without blocks gets.

    Args:
        executor: The executor's label.
        provider: The provider's label.
        reason: What happened.
        row: The block that shows it best, if one was started.
        evidence: That block's files.
        lost: What has closed the way to where blocks are had, if that is the reason; it becomes the error's cause.
    """
    if lost is not None:
        error = BadStateException(executor, ScaleOutFailed(provider, reason))
        error.__cause__ = lost
        return error
    if row is None:
        cause = cause_of_refusal(reason)
        text = reason if cause is None else f"{reason}\n  likely cause: {cause}"
        error = BadStateException(executor, ScaleOutFailed(provider, text))
        error.hint = ASK_THE_DOCTOR
        return error
    wrote = tail(evidence.stderr) or tail(evidence.stdout)
    said = " ".join(filter(None, (row.hopeless, row.message)))
    lines = [reason, f"  likely cause: {likely_cause(row.state, row.exit_code, wrote, said)}"]
    job = "no job" if row.job is None else f"job {row.job}"
    lines.append(f"  block {row.block}, {job}, state {row.state.name}, exit code {_known(row.exit_code)}")
    if row.message and row.message not in reason:
        lines.append(f"  {row.message}")
    if evidence.script is not None and evidence.script not in "\n".join(lines):
        lines.append(f"  script: {evidence.script}")
    lines.append(f"  stdout: {evidence.stdout or 'not known'}\n  stderr: {evidence.stderr or 'not known'}")
    if wrote or row.state in TERMINAL_STATES or row.running_since is not None:
        lines.append("  it wrote nothing" if not wrote else "  it wrote:\n    " + wrote.replace("\n", "\n    "))
    error = BadStateException(executor, ScaleOutFailed(provider, "\n".join(lines)))
    error.hint = ASK_THE_DOCTOR
    error.log_path = evidence.stderr if wrote else None
    return error


def _known(exit_code: int | None) -> str:
    return "unknown" if exit_code is None else str(exit_code)
