"""What a Cobalt provider makes of its options, and that no answer of the commands can hurt."""

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
from parsl_like.providers import CobaltProvider
from parsl_like.providers.base import one_shot_context
from parsl_like.providers.cobalt import answers
from parsl_like.providers.dialect import JobPaths, Unavailable, Unreadable
from tests.fakes.cluster.simulated import run
from tests.fakes.fixtures import *  # noqa: F403

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.fixtures import MakeCluster

REQUEST = BlockRequest(BlockId("0"), "run")
WAIT = 30.0


def header(**options: Any) -> list[str]:
    return CobaltProvider(**options).sealed().header(REQUEST, "block-0").splitlines()


def test_directives() -> None:
    assert header() == ["#COBALT -n 1", "#COBALT -t 10", "#COBALT --mode script"]
    assert header(
        nodes_per_block=8,
        walltime="01:00:01",
        account="astro",
        queue="debug-cache-quad",
        scheduler_options="#COBALT --attrs mcdram=flat",
    ) == [
        "#COBALT -n 8",
        "#COBALT -t 61",
        "#COBALT --mode script",
        "#COBALT -A astro",
        "#COBALT -q debug-cache-quad",
        "#COBALT --attrs mcdram=flat",
    ]


@pytest.mark.parametrize("name", ["account", "queue"])
@pytest.mark.parametrize("value", ["a b", "a\n#COBALT -q theirs", "a'", ""])
def test_what_would_say_something_else_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"CobaltProvider\.{name} is "):
        CobaltProvider(**{name: value}).sealed()  # type: ignore[arg-type]


def test_a_path_that_qsub_would_change_is_not_given_to_it() -> None:
    for path, given_path in {"/a b/log": "/a b/log", "/$jobid/log": "/dev/null"}.items():
        command = CobaltProvider().dialect().submit(JobPaths("/b.sh", path, path, "/", "n"))
        assert command[command.index("--debuglog") + 1] == given_path


@pytest.mark.parametrize("job", ["0", "", "default", "*", "-f", "1.0", "²"])
def test_what_is_no_number_never_reaches_a_command(job: str) -> None:
    dialect = CobaltProvider().dialect()
    assert dialect.reason is not None
    for command in (dialect.cancel([job]), dialect.status[0].command([job]), dialect.reason(job)):
        assert command[-1] == answers.NO_JOB
    assert dialect.cancel(["5", job, "6"]) == ("qdel", "5", "6")


# --- with the simulated cluster


@pytest.mark.integration
def test_a_job_is_found_by_its_whole_name(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("cobalt")
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\nsleep 600\n")
    for name in ("p1.0", "p1.01", "p1x0"):
        options = ("-n", "1", "-t", "10", "-o", "/dev/null", "-e", "/dev/null", "--jobname", name)
        assert run(cluster, "qsub", *options, str(script)).returncode == 0
    dialect = CobaltProvider().dialect()
    assert dialect.find is not None
    assert run(cluster, *dialect.find("p1.0")).stdout == "1\n"
    assert run(cluster, *dialect.find("p1")).stdout == ""
    cluster.restart(60.0)
    assert run(cluster, *dialect.find("p1.0")).returncode != 0
    cluster.mend()


@pytest.mark.integration
def test_a_block_gets_what_it_asks_for(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster("cobalt", queues={"main": {}, "other": {}})
    provider = CobaltProvider(queue="other", nodes_per_block=2, walltime="00:05:00", launcher=SimpleLauncher()).sealed()
    session = provider.open(one_shot_context(str(tmp_path)))
    job = session.submit(BlockRequest(BlockId("0"), "cat $COBALT_NODEFILE; exit 4"))
    cluster.wait_until_empty(WAIT)
    (done,) = cluster.jobs()
    assert (done.facts["wanted_queue"], done.facts["wanted_walltime"], len(done.nodes)) == ("other", 300.0, 2)
    report = session.status([job])[job]
    assert (report.state, report.exit_code) == (JobState.FAILED, 4)
    stdout, _ = session.output(job)
    assert stdout is not None
    with open(stdout, encoding="utf-8") as file:
        assert file.read() == "n1\nn2\n"
    session.close()


# --- answers; those of the manuals are in transcripts/cobalt


@given(st.text(max_size=300), st.text(max_size=100), st.integers(0, 255))
def test_nonsense_is_no_answer(stdout: str, stderr: str, exit_code: int) -> None:
    """Whatever is printed, nothing is raised but what says so."""
    said = CommandResult(exit_code, stdout, stderr)
    answers.job_id(said)
    answers.refused(said)
    answers.found(said)
    for parse in (answers.reports, answers.cancelled):
        try:
            assert set(parse(said, ["4", "x"])) <= {"4", "x"}
        except (Unavailable, Unreadable):
            continue
    try:
        answers.why(said)
    except Unavailable:
        return


def test_a_queue_that_is_not_there() -> None:
    assert answers.refused(CommandResult(1, "", "Queue 'nope' does not exist\n"))


def test_a_queue_is_named_when_a_job_is_routed_to_it() -> None:
    """Users show these lines together; which stream each goes to they do not say."""
    assert answers.job_id(CommandResult(0, 'Job routed to queue "single-gpu".\n10076391\n', "")) == "10076391"
