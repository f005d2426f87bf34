"""Why no block can be had, in words."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobState
from parsl_like.errors import BadStateException, ScaleOutFailed
from parsl_like.jobs.diagnosis import ASK_THE_DOCTOR, TAIL_LINES, Evidence, explain, tail
from parsl_like.jobs.row import BlockRow

if TYPE_CHECKING:
    from pathlib import Path


def row(**more: object) -> BlockRow:
    facts = {"job": JobId("77"), "state": JobState.FAILED, "exit_code": 1, "message": "/s/b.sh ended with exit code 1"}
    return BlockRow(BlockId("0"), 0.0, **{**facts, **more})  # type: ignore[arg-type]


def test_everything_that_helps_is_said(tmp_path: Path) -> None:
    stderr = tmp_path / "b.err"
    stderr.write_text("line 1\nbash: conda: command not found\n")
    error = explain("htex", "slurm", "3 blocks in a row died", row(), Evidence(None, str(stderr), "/s/block.sh"))
    assert isinstance(error, BadStateException)
    assert isinstance(error.exception, ScaleOutFailed)
    text = str(error)
    for fact in (
        "Executor htex failed due to: Unable to scale out slurm provider: 3 blocks in a row died",
        "likely cause: a command or file is not there where the block runs",
        "block 0, job 77, state FAILED, exit code 1",
        "/s/b.sh ended with exit code 1",
        "stdout: not known",
        "script: /s/block.sh",
        f"stderr: {stderr}",
        "it wrote:\n    line 1\n    bash: conda: command not found",
        f"See {stderr}",
    ):
        assert fact in text
    assert str(pickle.loads(pickle.dumps(error))) == text


def test_what_is_said_already_is_not_said_twice() -> None:
    text = str(explain("htex", "slurm", "it is so: /s/b.sh ended with exit code 1", row(), Evidence()))
    assert text.count("/s/b.sh") == 1
    assert "it wrote nothing" in text
    assert "exit code unknown" in str(explain("htex", "slurm", "x", row(exit_code=None), Evidence()))


def test_standard_output_speaks_where_standard_error_is_silent(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("said on stdout")
    (tmp_path / "err").write_text("")
    text = str(explain("htex", "slurm", "x", row(), Evidence(str(tmp_path / "out"), str(tmp_path / "err"))))
    assert "it wrote:\n    said on stdout" in text


def test_without_a_block_the_batch_systems_words_are_all_there_is() -> None:
    error = explain("htex", "slurm", "6 submissions were refused; the last: no such partition", None, Evidence())
    assert "no such partition" in str(error)
    assert error.hint == ASK_THE_DOCTOR


def test_a_block_that_had_no_job_is_said_to_have_none_and_the_doctor_is_named() -> None:
    error = explain("htex", "slurm", "x", row(job=None), Evidence())
    assert "block 0, no job, state" in str(error)
    assert str(error).endswith(f"\n  Try: {ASK_THE_DOCTOR}")


def test_of_a_long_output_the_end_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "err"
    path.write_text("".join(f"line {number}\n" for number in range(10_000)))
    lines = tail(str(path)).splitlines()
    assert len(lines) == TAIL_LINES
    assert lines[-1] == "line 9999"
    assert tail(None) == tail(str(tmp_path / "nothing")) == ""


def test_a_refusal_in_words_that_are_known_has_its_cause() -> None:
    error = explain(
        "htex", "slurm", "3 submissions were refused; the last: invalid partition specified", None, Evidence()
    )
    assert "likely cause: the batch system has no such queue or partition" in str(error)


def test_a_block_that_never_started_has_written_nothing_that_could_be_missed() -> None:
    waits = row(state=JobState.HELD, exit_code=None, message="JobHeldUser", hopeless="JobHeldUser")
    text = str(explain("htex", "slurm", "block 0 waits for nothing", waits, Evidence(script="/s/b.sh")))
    assert "likely cause: the job is held" in text
    assert "state HELD" in text
    assert "script: /s/b.sh" in text
    assert "it wrote nothing" not in text


class Session:
    def output(self, job: JobId) -> tuple[str | None, str | None]:
        return f"/s/{job}.out", f"/s/{job}.err"


class WithScript(Session):
    def script(self, job: JobId) -> str | None:
        return f"/s/{job}.sh"


def test_where_a_blocks_files_are_the_provider_says() -> None:
    session: Any = Session()
    assert Evidence.of(session, JobId("7")) == Evidence("/s/7.out", "/s/7.err", None)
    session = WithScript()
    assert Evidence.of(session, JobId("7")) == Evidence("/s/7.out", "/s/7.err", "/s/7.sh")
