"""Why no block can be had, in words."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobState
from parsl_like.errors import BadStateException, ScaleOutFailed
from parsl_like.jobs.diagnosis import TAIL_LINES, explain, likely_cause, tail
from parsl_like.jobs.ledger import BlockRow

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("state", "exit_code", "output", "cause"),
    [
        (JobState.FAILED, 1, "/usr/bin/python: No module named parsl_like.executors", "parsl_like is not installed"),
        (JobState.FAILED, 1, "ModuleNotFoundError: No module named 'zmq'", "lacks a package"),
        (JobState.FAILED, 127, "bash: conda: command not found", "a command or file is not there"),
        (JobState.FAILED, 1, "OSError: [Errno 28] No space left on device", "disk is full"),
        (JobState.FAILED, 1, "slurmstepd: Out of memory", "ran out of memory"),
        (JobState.FAILED, 1, "connect: Connection refused", "check the executor's address"),
        (JobState.FAILED, 1, "bash: ./x: Permission denied", "may not be read or executed"),
        (JobState.TIMEOUT, 143, "", "walltime was over"),
        (JobState.RUNNING, None, "", "worker_init takes too long, or the manager cannot reach"),
        (JobState.COMPLETED, 0, "", "may not start a worker at all"),
        (JobState.FAILED, 137, "", "was killed"),
        (JobState.FAILED, -9, "", "was killed"),
        (JobState.FAILED, 3, "", "worker_init or the block's command failed"),
        (JobState.MISSING, None, "", "see what the batch system says"),
    ],
)
def test_likely_causes(state: JobState, exit_code: int | None, output: str, cause: str) -> None:
    assert cause in likely_cause(state, exit_code, output)


def row(**more: object) -> BlockRow:
    facts = {"job": JobId("77"), "state": JobState.FAILED, "exit_code": 1, "message": "/s/b.sh ended with exit code 1"}
    return BlockRow(BlockId("0"), 0.0, **{**facts, **more})  # type: ignore[arg-type]


def test_everything_that_helps_is_said(tmp_path: Path) -> None:
    stderr = tmp_path / "b.err"
    stderr.write_text("line 1\nbash: conda: command not found\n")
    error = explain("htex", "slurm", "3 blocks in a row died", row(), None, str(stderr))
    assert isinstance(error, BadStateException)
    assert isinstance(error.exception, ScaleOutFailed)
    text = str(error)
    for fact in (
        "Executor htex failed due to: Unable to scale out slurm provider: 3 blocks in a row died",
        "likely cause: a command or file is not there where the block runs",
        "block 0, job 77, state FAILED, exit code 1",
        "/s/b.sh ended with exit code 1",
        "stdout: not known",
        f"stderr: {stderr}",
        "it wrote:\n    line 1\n    bash: conda: command not found",
        f"See {stderr}",
    ):
        assert fact in text
    assert str(pickle.loads(pickle.dumps(error))) == text


def test_what_is_said_already_is_not_said_twice() -> None:
    text = str(explain("htex", "slurm", "it is so: /s/b.sh ended with exit code 1", row(), None, None))
    assert text.count("/s/b.sh") == 1
    assert "it wrote nothing" in text
    assert "exit code unknown" in str(explain("htex", "slurm", "x", row(exit_code=None), None, None))


def test_standard_output_speaks_where_standard_error_is_silent(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("said on stdout")
    (tmp_path / "err").write_text("")
    text = str(explain("htex", "slurm", "x", row(), str(tmp_path / "out"), str(tmp_path / "err")))
    assert "it wrote:\n    said on stdout" in text


def test_without_a_block_the_batch_systems_words_are_all_there_is() -> None:
    error = explain("htex", "slurm", "6 submissions were refused; the last: no such partition", None, None, None)
    assert "no such partition" in str(error)
    assert error.hint is not None


def test_of_a_long_output_the_end_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "err"
    path.write_text("".join(f"line {number}\n" for number in range(10_000)))
    lines = tail(str(path)).splitlines()
    assert len(lines) == TAIL_LINES
    assert lines[-1] == "line 9999"
    assert tail(None) == tail(str(tmp_path / "nothing")) == ""
