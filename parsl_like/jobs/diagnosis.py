"""Why no block can be had, in words: from an exit code, the end of what a block wrote, and where it wrote it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from parsl_like.core.job_states import JobState
from parsl_like.errors import BadStateException, ScaleOutFailed
from parsl_like.providers.status import summary

if TYPE_CHECKING:
    from parsl_like.jobs.ledger import BlockRow

TAIL_LINES = 20

_SIGNS = (
    (
        r"found no interchange",
        "the block cannot reach this program over the network; check the executor's address",
    ),
    (
        r"No module named ['\"]?parsl_like",
        "parsl_like is not installed where the block runs; activate the right environment in worker_init",
    ),
    (r"No module named|ModuleNotFoundError|ImportError", "the block's Python environment lacks a package"),
    (
        r"command not found|No such file or directory",
        "a command or file is not there where the block runs; worker_init may not make the right environment",
    ),
    (r"Permission denied", "something the block needs may not be read or executed there"),
    (r"No space left|Disk quota exceeded", "the disk is full"),
    (r"Cannot allocate memory|MemoryError|oom-kill|Out of memory", "the block ran out of memory"),
    (
        r"Connection refused|timed out|unreachable|Name or service not known",
        "the block cannot reach this program over the network; check the executor's address",
    ),
)

_CODES = {
    0: "it ended without an error before it had connected; the command may not start a worker at all",
    126: "its command cannot be executed",
    127: "a command was not found; worker_init may not make the right environment",
    130: "it was interrupted from outside",
    137: "it was killed, by the system for its memory or by somebody from outside",
    143: "it was told to end from outside",
    -9: "it was killed, by the system for its memory or by somebody from outside",
    -15: "it was told to end from outside",
}


def likely_cause(state: JobState, exit_code: int | None, output: str) -> str:
    """What most likely happened to a block that no manager came from.

    Args:
        state: How its job ended, or that it still runs.
        exit_code: Its exit code where known.
        output: The end of what it wrote.
    """
    for pattern, meaning in _SIGNS:
        if re.search(pattern, output):
            return meaning
    if state is JobState.TIMEOUT:
        return "its walltime was over before its manager had started"
    if state is JobState.RUNNING:
        return "worker_init takes too long, or the manager cannot reach this program; check the executor's address"
    if exit_code is None:
        return "nothing is known; see what the batch system says about the job"
    return _CODES.get(exit_code, "worker_init or the block's command failed")


def tail(path: str | None) -> str:
    """The last lines of a file that may be long, or nothing."""
    return "\n".join((summary(path) or "").splitlines()[-TAIL_LINES:])


def explain(
    executor: str, provider: str, reason: str, row: BlockRow | None, stdout: str | None, stderr: str | None
) -> BadStateException:
    """The error that every task of an executor without blocks gets.

    Args:
        executor: The executor's label.
        provider: The provider's label.
        reason: What happened.
        row: The block that shows it best, if one was started.
        stdout: The path of that block's standard output.
        stderr: The path of its standard error.
    """
    if row is None:
        error = BadStateException(executor, ScaleOutFailed(provider, reason))
        error.hint = "check the provider's options and whether the batch system works; the reason is its own words."
        return error
    wrote = tail(stderr) or tail(stdout)
    text = [reason, f"  likely cause: {likely_cause(row.state, row.exit_code, wrote)}"]
    text.append(f"  block {row.block}, job {row.job}, state {row.state.name}, exit code {_known(row.exit_code)}")
    if row.message and row.message not in reason:
        text.append(f"  {row.message}")
    text.append(f"  stdout: {stdout or 'not known'}\n  stderr: {stderr or 'not known'}")
    text.append("  it wrote nothing" if not wrote else "  it wrote:\n    " + wrote.replace("\n", "\n    "))
    error = BadStateException(executor, ScaleOutFailed(provider, "\n".join(text)))
    error.log_path = stderr
    return error


def _known(exit_code: int | None) -> str:
    return "unknown" if exit_code is None else str(exit_code)
