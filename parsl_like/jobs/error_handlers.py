"""What Parsl's programs pass as ``block_error_handler``: functions that see all blocks and may fail the executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from parsl_like.core.job_states import JobState
from parsl_like.errors import ScaleOutFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.providers.status import JobStatus

FAILURES = frozenset({JobState.FAILED, JobState.TIMEOUT, JobState.MISSING})
"""Ends of a block that nobody asked for. CANCELLED is an administrator's decision, SCALED_IN and COMPLETED are none.
TIMEOUT is one of a block that has never connected; the others have lived as long as they were meant to."""


class Failing(Protocol):
    """What a handler needs of an executor."""

    def set_bad_state_and_fail_all(self, exception: Exception) -> None:
        """Fail every task the executor has or gets."""
        ...


def noop_error_handler(executor: Failing, status: Mapping[str, JobStatus], threshold: int = 3) -> None:
    """Let blocks fail as they like; the executor is never failed for it."""


def simple_error_handler(executor: Failing, status: Mapping[str, JobStatus], threshold: int = 3) -> None:
    """Fail the executor when there were at least ``threshold`` blocks and every one of them has failed."""
    _fail_if_all_failed(executor, list(status.values()), threshold)


def windowed_error_handler(executor: Failing, status: Mapping[str, JobStatus], threshold: int = 3) -> None:
    """Fail the executor when the last ``threshold`` blocks, in the order in which they were asked for, have failed."""
    _fail_if_all_failed(executor, list(status.values())[-threshold:], threshold)


def _fail_if_all_failed(executor: Failing, blocks: Sequence[JobStatus], threshold: int) -> None:
    if len(blocks) >= max(1, threshold) and all(map(_has_failed, blocks)):
        last = blocks[-1]
        reason = f"{len(blocks)} blocks have failed, none has not; the last one: {last.message or last.status_name}"
        wrote = last.stderr_summary or last.stdout_summary
        if wrote:
            reason += f"\n  it wrote:\n{wrote}"
        executor.set_bad_state_and_fail_all(ScaleOutFailed("block", reason))


def _has_failed(block: JobStatus) -> bool:
    lived = block.state is JobState.TIMEOUT and getattr(block, "connected", False)
    return block.state in FAILURES and not lived
