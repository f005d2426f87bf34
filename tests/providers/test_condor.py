"""What an HTCondor provider makes of its options, how a script is its own submit description, and answers."""

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
from parsl_like.providers import CondorProvider
from parsl_like.providers.base import one_shot_context
from parsl_like.providers.condor import answers
from parsl_like.providers.dialect import JobPaths, Unavailable, Unreadable
from tests.fakes.fixtures import *  # noqa: F403

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.fixtures import MakeCluster

REQUEST = BlockRequest(BlockId("0"), "run")
WAIT = 30.0
FIRST = "(isUndefined(NumJobStarts) || NumJobStarts == 0)"


def header(**options: Any) -> list[str]:
    return CondorProvider(**options).sealed().header(REQUEST, "block-0").splitlines()


def test_a_submit_description() -> None:
    assert header() == [
        "#CONDOR universe = vanilla",
        "#CONDOR notification = never",
        f"#CONDOR requirements = {FIRST}",
        "#CONDOR periodic_remove = (JobStatus == 2 && time() - JobCurrentStartDate > 600)"
        " || (JobStatus == 1 && NumJobStarts > 0)",
        "#CONDOR should_transfer_files = IF_NEEDED",
        "#CONDOR when_to_transfer_output = ON_EXIT",
        '#CONDOR transfer_output_files = ""',
        "#CONDOR queue 1",
        "export PATH HOME=~",
    ]


def test_all_options_are_in_it_and_those_of_the_user_come_last() -> None:
    lines = header(
        cores_per_slot=8,
        mem_per_slot=1.5,
        project="MyProject",
        requirements='Arch == "X86_64"',
        transfer_input_files=["/data/a.tar", "b"],
        scheduler_options="+WantGPULab = true\n  request_gpus = 1\n",
    )
    assert lines[2:6] == [
        "#CONDOR request_cpus = 8",
        "#CONDOR request_memory = 1536",
        '#CONDOR +ProjectName = "MyProject"',
        f'#CONDOR requirements = (Arch == "X86_64") && {FIRST}',
    ]
    assert "#CONDOR should_transfer_files = YES" in lines
    assert "#CONDOR transfer_input_files = /data/a.tar, b" in lines
    assert lines[-4:-1] == ["#CONDOR +WantGPULab = true", "#CONDOR request_gpus = 1", "#CONDOR queue 1"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nodes_per_block", 2),
        ("project", 'a"b'),
        ("requirements", "true\nqueue 1000"),
        ("transfer_input_files", ["a,b"]),
        ("environment", {"A B": "1"}),
        ("scheduler_options", "request_gpus = 1\nqueue 1000"),
        ("worker_init", "#CONDOR queue 1000"),
    ],
)
def test_what_would_say_something_else_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"CondorProvider\.{name} is "):
        CondorProvider(**{name: value}).sealed()


def test_variables_of_a_block() -> None:
    provider = CondorProvider(environment={"A": "two 'words'"}, cores_per_slot=4, mem_per_slot=8).sealed()
    assert provider.exports(REQUEST) == {"A": "two 'words'", "PARSL_CORES": "4", "PARSL_MEMORY_GB": "8"}


def test_a_dollar_in_a_path_is_no_macro_and_a_line_end_is_refused() -> None:
    dialect = CondorProvider().dialect()
    command = dialect.submit(JobPaths("/$(x)/b.sh", "/b.out", "/b.out", "/", "n"))
    assert "executable = /$(DOLLAR)(x)/b.sh" in command
    with pytest.raises(ConfigurationError, match="line ends"):
        dialect.submit(JobPaths("/a\nqueue/b.sh", "/b.out", "/b.out", "/", "n"))


@pytest.mark.parametrize("job", ["0", "", "root", "-all", "1.0", "²"])
def test_what_is_no_number_never_reaches_a_command(job: str) -> None:
    dialect = CondorProvider().dialect()
    assert dialect.force is not None
    assert dialect.history is not None
    assert dialect.reason is not None
    for command in (dialect.cancel([job]), dialect.force([job]), dialect.reason(job)):
        assert command[-1] == answers.NO_JOB
    assert (dialect.status[0].command([job])[1], dialect.history.command([job])[1]) == (answers.NO_JOB,) * 2
    assert dialect.cancel(["5", job, "6"]) == ("condor_rm", "5", "6")


def test_jobs_are_asked_for_in_portions() -> None:
    dialect = CondorProvider(cmd_chunk_size=7).sealed().dialect()
    assert dialect.history is not None
    assert (dialect.status[0].batch, dialect.history.batch) == (7, 7)


# --- with the simulated cluster


@pytest.mark.integration
def test_a_block_gets_what_it_asks_for(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("condor")
    folder = tmp_path / "a $HOME 'b'"
    folder.mkdir()
    provider = CondorProvider(
        cores_per_slot=2,
        walltime="00:05:00",
        environment={"GREETING": "two 'words'"},
        requirements='Arch == "X86_64"',
        launcher=SimpleLauncher(),
    ).sealed()
    session = provider.open(one_shot_context(str(folder)))
    verdict = session.judge(REQUEST)
    assert (verdict.exit_code, cluster.jobs()) == (0, [])
    job = session.submit(BlockRequest(BlockId("0"), 'echo "$GREETING $PARSL_CORES"; exit 4'))
    cluster.wait_until_empty(WAIT)
    (done,) = cluster.jobs()
    assert (done.facts["wanted_slots"], done.facts["wanted_walltime"]) == (2, 300.0)
    report = session.status([job])[job]
    assert (report.state, report.exit_code) == (JobState.FAILED, 4)
    stdout, _ = session.output(job)
    assert stdout is not None
    with open(stdout, encoding="utf-8") as file:
        assert file.read() == "two 'words' 2\n"
    session.close()


@pytest.mark.integration
@pytest.mark.parametrize(("ends", "state"), [("walltime", JobState.TIMEOUT), ("machine", JobState.CANCELLED)])
def test_a_job_that_the_pool_removes_is_told_apart(
    ends: str, state: JobState, make_cluster: MakeCluster, tmp_path: Path
) -> None:
    cluster = make_cluster("condor", node_timeout=0.1)
    walltime = "00:00:02" if ends == "walltime" else "00:10:00"
    session = (
        CondorProvider(walltime=walltime, launcher=SimpleLauncher()).sealed().open(one_shot_context(str(tmp_path)))
    )
    job = session.submit(BlockRequest(BlockId("0"), "sleep 600"))
    cluster.wait(lambda: cluster.job(1).phase == "running", WAIT)
    if ends == "machine":
        cluster.lose_node(*cluster.job(1).nodes)
    cluster.wait_until_empty(WAIT)
    assert session.status([job])[job].state is state
    session.close()


# --- answers; those of the manuals are in transcripts/condor


@given(st.text(max_size=300), st.text(max_size=100), st.integers(0, 255))
def test_nonsense_is_no_answer(stdout: str, stderr: str, exit_code: int) -> None:
    """Whatever is printed, nothing is raised but what says so."""
    said = CommandResult(exit_code, stdout, stderr)
    answers.job_id(said)
    answers.refused(said)
    answers.found(said)

    def past(result: CommandResult, jobs: list[str]) -> Any:
        return answers.remembered(result, jobs, lifetime=60)

    for parse in (answers.queued, past, answers.cancelled):
        try:
            assert set(parse(said, ["4", "x"])) <= {"4", "x"}
        except (Unavailable, Unreadable):
            continue
    try:
        answers.why(said)
    except Unavailable:
        assert exit_code


VALUES = st.none() | st.integers() | st.text(max_size=10) | st.booleans()


@given(st.dictionaries(st.sampled_from(answers.ATTRIBUTES.split(",")[1:]), VALUES))
def test_every_description_of_a_job_is_read(facts: dict[str, Any]) -> None:
    import json

    said = CommandResult(0, json.dumps([{"ClusterId": 4, **facts}]), "")
    assert set(answers.queued(said, ["4"])) == {"4"}
    assert set(answers.remembered(said, ["4"], lifetime=60)) == {"4"}


def test_a_pool_whose_commands_are_not_there_is_not_asked_again() -> None:
    assert answers.refused(CommandResult(127, "", "bash: line 1: exec: condor_submit: not found"))


# --- answers made up of words of several, or in the words of older versions


@pytest.mark.parametrize(
    ("words", "for_good"),
    [
        ("\nERROR: Parse error in expression: \n\tRequirements = nope (", True),
        ("\nERROR: Number of submitted jobs would exceed MAX_JOBS_SUBMITTED", False),
        ("\nERROR: Failed to commit job submission into the queue.\nSECMAN:2007:Failed to end classad message.", False),
    ],
)
def test_what_condor_submit_refuses(words: str, for_good: bool) -> None:
    assert answers.refused(CommandResult(1, "", f"{words}\n")) is for_good


def test_a_submission_without_a_number_of_a_job() -> None:
    assert answers.job_id(CommandResult(0, "Submitting job(s).\n", "")) is None


@pytest.mark.parametrize(
    "words", ["Cluster 5 has been marked for removal.", "Cluster 5 has been removed locally (remote state unknown)."]
)
def test_what_older_versions_say_of_a_job_that_is_removed(words: str) -> None:
    assert answers.cancelled(CommandResult(0, f"{words}\n", ""), ["5", "6"]) == {"5": True, "6": False}


def test_one_is_told_and_one_is_over() -> None:
    said = CommandResult(
        1, "All jobs in cluster 5 have been marked for removal\n", "Couldn't find/remove all jobs in cluster 6\n"
    )
    assert answers.cancelled(said, ["5", "6", "7"]) == {"5": True, "6": True, "7": False}


@pytest.mark.parametrize("number", ["99999999", "100000000"])
def test_an_empty_queue_says_nothing_of_a_number_that_no_job_has_had(number: str) -> None:
    said = CommandResult(0, "", "There are no jobs in the queue\n")
    assert answers.cancelled(said, [number, "-all"]) == {number: number == "99999999", "-all": False}


@pytest.mark.parametrize("slots", ["", "slots "])
def test_why_a_job_waits_though_machines_would_do(slots: str) -> None:
    lines = f"  0 {slots}are rejected by your job's requirements\n  7 {slots}match but are serving other users\n"
    reason = answers.why(CommandResult(0, f"\n017.000:  Run analysis summary\n{lines}", ""))
    assert reason is not None
    assert f"7 {slots}match but are serving other users" in reason[0]
    assert not reason[1]
