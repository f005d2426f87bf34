"""What a Slurm provider asks for, and how it speaks; what Slurm answers is in the transcripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import JobState
from parsl_like.core.ports import BlockRequest, CommandResult
from parsl_like.errors import ConfigurationError
from parsl_like.providers import GridEngineProvider, PBSProProvider, SlurmProvider, TorqueProvider
from parsl_like.providers.base import one_shot_context
from parsl_like.providers.dialect import JobPaths
from parsl_like.providers.slurm.answers import is_refusal, scancel_answers, squeue_reports
from parsl_like.providers.slurm.slurm import overriding, parsl_like_open_provider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsl_like.providers.batch import BatchProvider

REQUEST = BlockRequest(BlockId("0"), "run", tasks_per_node=2, job_name="parsl_like.htex")


def directives(**options: Any) -> list[str]:
    return list(SlurmProvider(**options).sealed().directives(REQUEST, "name"))


def test_the_least_that_a_block_asks_for() -> None:
    assert directives(exclusive=False) == [
        "--job-name=name",
        "--nodes=1",
        "--ntasks-per-node=2",
        "--time=00:10:00",
        "--no-requeue",
    ]


def test_everything_that_it_may_ask_for() -> None:
    asked = directives(
        partition="debug",
        account="m123",
        qos="premium",
        constraint="knl&cache",
        clusters="escori",
        gpus_per_node="a100:4",
        gres="gpu:2,craynetwork:0",
        nodes_per_block=3,
        cores_per_node=9,
        mem_per_node=1.5,
        walltime="1-02:03:04",
    )
    assert asked[1:] == [
        "--nodes=3",
        "--ntasks-per-node=2",
        "--time=1-02:03:04",
        "--no-requeue",
        "--cpus-per-task=4",
        "--mem=1536M",
        "--partition=debug",
        "--account=m123",
        "--qos=premium",
        "--constraint=knl&cache",
        "--clusters=escori",
        "--gpus-per-node=a100:4",
        "--gres=gpu:2,craynetwork:0",
        "--exclusive",
    ]


def test_paths_are_taken_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "100 %j's"
    with_spaces = SlurmProvider().sealed().open(one_shot_context(str(folder)))
    command = with_spaces.render(REQUEST).submit
    stem = f"{folder}/parsl_like.htex.block-0"
    assert command == (
        "sbatch",
        f"--output={stem.replace('%', '%%')}.out",
        f"--error={stem.replace('%', '%%')}.err",
        "--open-mode=append",
        f"{stem}.sh",
    )


def test_a_cluster_is_named_wherever_its_jobs_are() -> None:
    dialect = SlurmProvider(clusters="escori").dialect()
    assert dialect.find is not None
    assert dialect.history is not None
    for command in (
        dialect.status[0].command(["1", "2"]),
        dialect.history.command(["1"]),
        dialect.cancel(["1"]),
        dialect.find("name"),
    ):
        assert "--clusters=escori" in command


def test_the_id_is_found_where_the_user_says() -> None:
    printed = CommandResult(0, "welcome\nSubmitted batch job 17 on cluster escori\n", "")
    assert SlurmProvider().dialect().job_id(printed) == "17"
    assert SlurmProvider().dialect().job_id(CommandResult(0, "Submitted batch job \n", "")) is None
    own = SlurmProvider(regex_job_id=r"^job=(?P<id>\d+)$").dialect()
    assert own.job_id(CommandResult(0, "job=4\n", "")) == "4"
    assert own.job_id(CommandResult(0, "job=4", "")) is None, "it may go on"
    assert own.job_id(printed) is None


@pytest.mark.parametrize(
    ("provider", "options", "kept"),
    [
        (SlurmProvider, "", False),
        (SlurmProvider, "#SBATCH --qos=a\n#SBATCH --requeue", True),
        (SlurmProvider, "#SBATCH --comment=no-requeue", False),
        (PBSProProvider, "#PBS -r n", False),
        (PBSProProvider, "#PBS -q a -r y", True),
        (TorqueProvider, "#PBS -ry", True),
        (GridEngineProvider, "#$ -r yes", True),
        (GridEngineProvider, "#$ -pe mpi 2", False),
    ],
)
def test_a_block_that_may_be_requeued_keeps_its_keys(
    provider: Callable[..., BatchProvider], options: str, kept: bool, tmp_path: Path
) -> None:
    session = provider(scheduler_options=options).sealed().open(one_shot_context(str(tmp_path)))
    script = session.render(REQUEST).script
    assert ("rm -rf" not in script) is kept
    assert (f"rm -f -- {tmp_path}" in script) is kept


def test_variables_that_sbatch_heeds_more_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provider = SlurmProvider(partition="debug", account="m1").sealed()
    others = {"SBATCH_PARTITION": "debug", "SBATCH_QOS": "low", "SLURM_ACCOUNT": "m2"}
    assert overriding(provider, others) == []
    assert overriding(provider, {"SBATCH_ACCOUNT": "m2", "SBATCH_TIMELIMIT": "5"}) == [
        "SBATCH_ACCOUNT=m2",
        "SBATCH_TIMELIMIT=5",
    ]
    elsewhere: Any = SlurmProvider(account="m1")
    elsewhere.channel = "to another machine"
    assert overriding(elsewhere, {"SBATCH_ACCOUNT": "m2"}) == []
    monkeypatch.setenv("SBATCH_ACCOUNT", "m2")
    session = parsl_like_open_provider(provider, one_shot_context(str(tmp_path)))
    assert session is not None
    session.close()
    assert "SBATCH_ACCOUNT=m2" in caplog.text


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (
            "QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates accounting policy",
            0,
        ),
        ("AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy", 0),
        ("Batch job submission failed: Job violates accounting/QOS policy (job submit limit, ...)", 1),
        ("If munged is up, restart with --num-threads=10\nsbatch: error: Munge encode failed: Invalid argument", 0),
        ("Batch job submission failed: Invalid authentication credential", 0),
        ("Batch job submission failed: Invalid partition name specified", 1),
    ],
)
def test_what_may_be_otherwise_later_is_no_refusal(words: str, refused: int) -> None:
    assert is_refusal(CommandResult(1, "", f"sbatch: error: {words}\n")) is bool(refused)


@pytest.mark.parametrize("reason", ["launch failed requeued held", "job_requeued_in_held_state", "JobHoldMaxRequeue"])
def test_a_job_that_slurm_holds_by_itself_is_held_for_good(reason: str) -> None:
    report = squeue_reports(CommandResult(0, f"1|PENDING|{reason}\n", ""), ["1"])["1"]
    assert report.state is JobState.HELD
    assert report.hopeless is not None
    assert "scontrol release" in report.hopeless
    suspended = squeue_reports(CommandResult(0, "1|SUSPENDED|None\n", ""), ["1"])["1"]
    assert (suspended.state, suspended.hopeless) == (JobState.HELD, None)


def test_a_script_can_be_judged() -> None:
    judge = SlurmProvider().dialect().judge
    assert judge is not None
    assert judge(JobPaths("/s", "/o", "/e", "/", "n"))[:2] == ("sbatch", "--test-only")


def test_of_an_array_the_liveliest_job_counts() -> None:
    text = "8|COMPLETED|None\n8|RUNNING|None\n8|PENDING|JobArrayTaskLimit\n9|FAILED|NonZeroExitCode\n9|COMPLETED|None\n"
    reports = squeue_reports(CommandResult(0, text, ""), ["8", "9"])
    assert [reports[job].state for job in ("8", "9")] == [JobState.RUNNING, JobState.FAILED]


def test_jobs_that_nobody_asked_for_are_left_out() -> None:
    assert squeue_reports(CommandResult(0, "CLUSTER: c\n8|RUNNING|None\n", ""), ["9"]) == {}


def test_only_the_jobs_that_are_named_would_not_end() -> None:
    said = "scancel: error: Kill job error on job id 5: Access/permission denied\n"
    assert scancel_answers(CommandResult(1, "", said), ["5", "6"]) == {"5": False, "6": True}
    said = "scancel: error: Kill job error on job id 5: Job/step already completing or completed\n"
    assert scancel_answers(CommandResult(1, "", said), ["5"]) == {"5": True}


@pytest.mark.parametrize("field", ["partition", "account", "qos", "constraint", "clusters", "gpus_per_node", "gres"])
def test_no_value_can_say_more_than_it_should(field: str) -> None:
    for value in ("a\n#SBATCH --uid=0", "a b", "a'", ""):
        with pytest.raises(ConfigurationError, match=rf"SlurmProvider\.{field} is "):
            SlurmProvider(**{field: value}).sealed()


def test_an_end_without_an_exit_code() -> None:
    history = SlurmProvider().dialect().history
    assert history is not None
    report = history.parse(CommandResult(0, "2|FAILED|\n", ""), ["2"])["2"]
    assert (report.state, report.exit_code) == (JobState.FAILED, None)
