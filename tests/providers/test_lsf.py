"""What an LSF provider makes of its options, both ways to hand over a script, and that no answer can hurt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import JobState
from parsl_like.core.ports import BlockRequest, CommandResult
from parsl_like.errors import ConfigurationError
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import LSFProvider
from parsl_like.providers.base import one_shot_context
from parsl_like.providers.dialect import JobPaths, Unavailable, Unreadable
from parsl_like.providers.lsf import answers
from tests.fakes.fixtures import *  # noqa: F403

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.fixtures import MakeCluster

REQUEST = BlockRequest(BlockId("0"), "run")
PATHS = JobPaths("/b.sh", "/b.out", "/b.out", "/", "block-0")
WAIT = 30.0


def header(**options: Any) -> list[str]:
    return LSFProvider(**options).sealed().header(REQUEST, "block-0").splitlines()


def test_directives() -> None:
    assert header() == ["#BSUB -nnodes 1", "#BSUB -W 0:10", "#BSUB -rn"]
    assert header(
        request_by_nodes=False,
        cores_per_block=20,
        cores_per_node=8,
        walltime="1-00:00:01",
        queue="long",
        project="ABC123",
        scheduler_options="#BSUB -alloc_flags smt4\n",
    ) == [
        "#BSUB -n 20",
        '#BSUB -R "span[ptile=8]"',
        "#BSUB -W 24:01",
        "#BSUB -rn",
        "#BSUB -q long",
        "#BSUB -P ABC123",
        "#BSUB -alloc_flags smt4",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("queue", "a b"),
        ("project", "a\n#BSUB -q theirs"),
        ("scheduler_options", '#BSUB -R "span'),
        ("worker_init", "module load x\n#BSUB -q theirs"),
    ],
)
def test_what_would_say_something_else_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"LSFProvider\.{name} is "):
        LSFProvider(**{name: value}).sealed()  # type: ignore[arg-type]


def test_options_are_on_the_command_line_unless_the_script_is_the_input() -> None:
    plain = LSFProvider(queue="q", scheduler_options="#BSUB -x  # whole nodes\nno option").sealed().dialect()
    assert plain.submit(PATHS) == (
        *("bsub", "-nnodes", "1", "-W", "0:10", "-rn", "-q", "q", "-x"),
        *("-J", "block-0", "-o", "/b.out", "/b.sh"),
    )
    piped = LSFProvider(queue="q", bsub_redirection=True).sealed().dialect().submit(PATHS)
    assert piped[-6:] == ("bsub", "/b.sh", "-J", "block-0", "-o", "/b.out")


def test_a_path_that_bsub_would_change_is_not_given_to_it() -> None:
    for path, given_path in {"/a b/out": "/a b/out", "/a%J/out": "/dev/null", "/$HOME/out": "/dev/null"}.items():
        command = LSFProvider().sealed().dialect().submit(JobPaths("/b.sh", path, path, "/", "n"))
        assert command[command.index("-o") + 1] == given_path


def test_a_job_may_return_only_if_the_user_says_so() -> None:
    assert not LSFProvider(scheduler_options="#BSUB -rn").may_return
    assert LSFProvider(scheduler_options="#BSUB -r -x").may_return


@pytest.mark.parametrize("job", ["0", "00", "", "x", "-u", "1.0", "²", "1,2"])
def test_what_is_no_number_never_reaches_a_command(job: str) -> None:
    dialect = LSFProvider().dialect()
    assert dialect.force is not None
    for command in (dialect.cancel([job]), dialect.force([job]), dialect.status[0].command([job])):
        assert command[-1] == answers.NO_JOB
    assert dialect.cancel(["5", job, "6"]) == ("bkill", "5", "6")


# --- with the simulated cluster


@pytest.mark.integration
@pytest.mark.parametrize("redirection", [False, True])
def test_a_block_gets_what_it_asks_for_either_way(redirection: bool, make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("lsf", queues={"main": {}, "other": {}}, minute=60.0)
    provider = LSFProvider(
        queue="other",
        nodes_per_block=2,
        walltime="00:05:00",
        bsub_redirection=redirection,
        scheduler_options="#BSUB -P 'our project'",
        launcher=SimpleLauncher(),
    ).sealed()
    session = provider.open(one_shot_context(str(tmp_path)))
    verdict = session.judge(REQUEST)
    assert (verdict.exit_code, "is submitted" in verdict.stdout) == (0, True)
    job = session.submit(BlockRequest(BlockId("0"), "echo $LSB_QUEUE; echo $LSB_HOSTS; exit 4"))
    cluster.wait_until_empty(WAIT)
    judged, done = cluster.jobs()
    assert (judged.fate, judged.starts) == ("cancelled", 0)
    assert (done.facts["wanted_queue"], done.facts["wanted_walltime"], len(done.nodes)) == ("other", 300.0, 2)
    report = session.status([job])[job]
    assert (report.state, report.exit_code) == (JobState.FAILED, 4)
    stdout, _ = session.output(job)
    assert stdout is not None
    with open(stdout, encoding="utf-8") as file:
        assert file.read() == "other\nn1 n1 n2 n2\n"
    session.close()


@pytest.mark.integration
def test_the_signal_at_the_end_of_the_walltime_is_no_success(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("lsf", minute=1.0)
    session = LSFProvider(walltime="00:01:00", launcher=SimpleLauncher()).sealed().open(one_shot_context(str(tmp_path)))
    job = session.submit(BlockRequest(BlockId("0"), "sleep 600"))
    cluster.wait_until_empty(WAIT)
    report = session.status([job])[job]
    assert (report.state, report.exit_code) == (JobState.TIMEOUT, 140)
    (code,) = tmp_path.glob("*.ec")
    assert code.read_text().strip() == "140"
    session.close()


# --- answers; those of the manuals are in transcripts/lsf


@given(st.text(max_size=300), st.text(max_size=100), st.integers(0, 255))
def test_nonsense_is_no_answer(stdout: str, stderr: str, exit_code: int) -> None:
    """Whatever is printed, nothing is raised but what says so, and no job is taken for ended."""
    said = CommandResult(exit_code, stdout, stderr)
    answers.job_id(said)
    answers.refused(said)
    answers.found(said)
    for parse in (answers.reports, answers.cancelled):
        try:
            assert set(parse(said, ["4", "x"])) <= {"4", "x"}
        except (Unavailable, Unreadable):
            continue


@given(st.sampled_from(sorted(answers.STATES)), st.text("0123456789-", max_size=4), st.text(max_size=20))
def test_every_row_of_a_known_state_is_read(code: str, exit_code: str, reason: str) -> None:
    row = f"4^{code}^{exit_code}^-^{' '.join(reason.split())}\n"
    report = answers.reports(CommandResult(0, row, ""), ["4"]).get("4")
    assert report is None or report.state is not JobState.UNKNOWN


def test_a_system_whose_commands_are_not_there_is_not_asked_again() -> None:
    assert answers.refused(CommandResult(127, "", "sh: 1: exec: bsub: not found"))


# --- words of LSF that programs of others look for, of which no record and no manual is at hand


def status(stdout: str, stderr: str = "", exit_code: int = 0, jobs: tuple[str, ...] = ("4",)) -> Any:
    return answers.reports(CommandResult(exit_code, stdout, stderr), list(jobs))


@pytest.mark.parametrize(
    ("words", "over"),
    [
        ("Job <4> is being terminated", True),
        ("Job <4> is being signaled", True),
        ("Job <4>: Operation is in progress", True),
        ("Job <4>: Job has already finished", True),
        ("Job <4>: No matching job found", True),
        ("Job <4>: User permission denied", False),
    ],
)
def test_what_bkill_says_of_a_job(words: str, over: bool) -> None:
    assert answers.cancelled(CommandResult(255, "", f"{words}\n"), ["4"]) == {"4": over}
    others = f"Job <3> is being terminated\n{words}\nJob <5>: User permission denied\n"
    assert answers.cancelled(CommandResult(255, others, ""), ["3", "4", "5"]) == {"3": True, "4": over, "5": False}


def test_what_bkill_was_not_asked_for() -> None:
    said = CommandResult(255, "", f"Job <{answers.NO_JOB}>: No matching job found\n")
    assert answers.cancelled(said, ["0", "-u"]) == {"0": False, "-u": False}


@pytest.mark.parametrize(
    ("words", "for_good"),
    [
        ("RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.", True),
        ("Too many processors requested. Job not submitted.", True),
        ("bsub: illegal option -- nnodes\nUsage: bsub [-h] ...", True),
        ("User <u>: Pending job threshold reached. Retrying in 60 seconds...", False),
        ("User <u>: Pending job threshold reached. Job not submitted.", False),
    ],
)
def test_what_bsub_refuses(words: str, for_good: bool) -> None:
    assert answers.refused(CommandResult(255, "", f"{words}\n")) is for_good


def test_a_submission_without_a_number_of_a_job() -> None:
    assert answers.job_id(CommandResult(0, "submitted\n", "")) is None


@pytest.mark.parametrize("exit_code", [0, 255])
def test_a_job_that_is_not_found(exit_code: int) -> None:
    assert status("", "Job <4> is not found\n", exit_code) == {}
    reports = status("3^RUN^-^-^-\n", "Job <4> is not found\n", exit_code, ("3", "4"))
    assert {job: report.state for job, report in reports.items()} == {"3": JobState.RUNNING}


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("Dependency condition invalid or never satisfied", "what it depends on will never be"),
        ("The queue is inactivated by the administrator", "its queue is inactivated by an administrator"),
    ],
)
def test_what_will_never_start(words: str, meaning: str) -> None:
    (report,) = status(f"4^PEND^-^-^{words};\n").values()
    assert (report.state, report.hopeless) == (JobState.PENDING, f"{meaning} ({words};)")
    assert words in answers.HOPELESS


def test_all_that_will_never_start_is_above() -> None:
    assert len(answers.HOPELESS) == 2


def test_a_reason_to_wait_that_passes() -> None:
    (report,) = status("4^PEND^-^-^Job slot limit reached: 4 hosts;\n").values()
    assert (report.message, report.hopeless) == ("PEND: Job slot limit reached: 4 hosts;", None)
