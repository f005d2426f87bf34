"""What PBS Pro and Torque share, beyond what the transcripts show: directives, ids, and answers of any form."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.ports import BlockRequest, CommandResult
from parsl_like.errors import ConfigurationError
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import PBSProProvider, TorqueProvider
from parsl_like.providers.dialect import JobPaths, Unavailable, Unreadable
from parsl_like.providers.parsers import (
    asked_for,
    is_pbs_id,
    pbs_blocks,
    pbs_cancelled,
    pbs_duration,
    pbs_ids,
    pbs_job_id,
    pbs_memory,
    pbs_reports,
    pbs_submit,
)

KINDS: list[Any] = [PBSProProvider, TorqueProvider]


def request(tasks_per_node: int = 1) -> BlockRequest:
    return BlockRequest(block_id="0", command="run", tasks_per_node=tasks_per_node)  # type: ignore[arg-type]


def lines(provider: Any, tasks_per_node: int = 1) -> list[str]:
    header = provider.sealed().header(request(tasks_per_node), "name")
    assert all(line.startswith("#PBS ") for line in header.splitlines())
    return [line.removeprefix("#PBS ") for line in header.splitlines()]


# --- directives


def test_a_block_of_pbs_pro() -> None:
    asked = lines(PBSProProvider("astro", "prod", nodes_per_block=3, cpus_per_node=64, walltime="1-02:03:04"), 4)
    assert "-l select=3:ncpus=64:mpiprocs=4" in asked
    assert "-l place=scatter" in asked
    assert "-l walltime=26:03:04" in asked
    assert "-A astro" in asked
    assert "-q prod" in asked
    assert "-r n" in asked


def test_one_node_is_not_spread_and_nothing_is_asked_for_that_nobody_named() -> None:
    asked = lines(PBSProProvider())
    assert "-l select=1:ncpus=1:mpiprocs=1" in asked
    assert not [line for line in asked if line.startswith(("-A", "-q", "-l place"))]


@pytest.mark.parametrize(
    ("options", "chunk"),
    [
        ({"select_options": "ngpus=4:host=n1"}, "2:ncpus=8:mpiprocs=1:ngpus=4:host=n1"),
        ({"select_options": ":ngpus=4:"}, "2:ncpus=8:mpiprocs=1:ngpus=4"),
        ({"select_options": "ncpus=32:mem=1gb", "mem_per_node": 5}, "2:mpiprocs=1:ncpus=32:mem=1gb"),
        ({"mem_per_node": 1.5}, "2:ncpus=8:mpiprocs=1:mem=1536mb"),
        ({"cores_per_node": 16}, "2:ncpus=16:mpiprocs=1"),
        ({"cores_per_node": 4}, "2:ncpus=8:mpiprocs=1"),
    ],
)
def test_chunks(options: dict[str, Any], chunk: str) -> None:
    assert f"-l select={chunk}" in lines(PBSProProvider(nodes_per_block=2, cpus_per_node=8, **options))


@pytest.mark.parametrize("options", [{"scheduler_options": "#PBS -l place=pack"}, {"select_options": "x=1:place=y"}])
def test_a_place_of_the_users_own_counts(options: dict[str, Any]) -> None:
    assert "-l place=scatter" not in lines(PBSProProvider(nodes_per_block=2, **options))


def test_a_block_of_torque() -> None:
    asked = lines(
        TorqueProvider("astro", "long", nodes_per_block=2, cores_per_node=16, mem_per_node=32, walltime="00:05:00"), 4
    )
    assert "-l nodes=2:ppn=16,walltime=00:05:00,mem=65536mb" in asked
    assert "-l nodes=1:ppn=4,walltime=00:20:00" in lines(TorqueProvider(), 4)
    assert asked[-2:] == ["-A astro", "-q long"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_users_own_lines_come_last_and_whole(kind: Any) -> None:
    assert lines(kind(scheduler_options="\n#PBS -l a=1\n\n  #PBS -W x=y \n"))[-2:] == ["-l a=1", "-W x=y"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [*itertools.product(KINDS, ["account", "queue"]), (PBSProProvider, "select_options")],
)
@pytest.mark.parametrize("value", ["a\n#PBS -l x=1", "two words", "\r", "a\x00b", "'q'", 'q"'])
def test_nothing_is_smuggled_into_a_directive(kind: Any, field: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{kind.__name__}.{field}"):
        kind(**{field: value}).sealed()


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_these_commands_read_otherwise_is_not_given_to_them(kind: Any) -> None:
    dialect = kind(launcher=SimpleLauncher()).dialect()
    plain = JobPaths("/a b/x.sh", "/a/x.batch", "/a/x.batch", "/a", "name")
    assert dialect.submit(plain) == ("qsub", "-N", "name", "-o", "/a/x.batch", "-e", "/a/x.batch", "/a b/x.sh")
    for path in ("/a b/x", "/host:/x", "/a,b/x", "/$HOME/x", "relative"):
        command = pbs_submit(JobPaths("/a/x.sh", path, path, "/a", "name"))
        assert command == ("qsub", "-N", "name", "-o", "/dev/null", "-e", "/dev/null", "/a/x.sh")


@given(st.integers(0, 10**7))
def test_durations(seconds: int) -> None:
    hours, minutes, rest = (int(part) for part in pbs_duration(seconds).split(":"))
    assert (minutes < 60, rest < 60, hours * 3600 + minutes * 60 + rest) == (True, True, seconds)


@given(st.floats(1e-6, 1e5))
def test_memory_is_never_nothing(gigabytes: float) -> None:
    amount = int(pbs_memory(gigabytes).removesuffix("mb"))
    assert amount >= 1
    assert abs(amount - gigabytes * 1024) <= 1


# --- ids


@pytest.mark.parametrize("job", ["0", "12.vm", "3[].vm", "3[7].vm.example.org", "12.vm@other"])
def test_ids(job: str) -> None:
    assert is_pbs_id(job)
    assert pbs_ids([job, "all", "-f", ""]) == [job]


@pytest.mark.parametrize("job", ["", "all", "-f", "workq", "12 13", "12;rm", "@host", "[1]", ".vm"])
def test_what_is_no_id_never_gets_into_a_command(job: str) -> None:
    assert not is_pbs_id(job)
    assert job not in pbs_ids([job])
    assert len(pbs_ids([job])) == 1


@pytest.mark.parametrize(
    ("found", "asked", "meant"),
    [
        ("1.vm", ["1.vm", "1"], "1.vm"),
        ("1.vm", ["1"], "1"),
        ("1.vm.example.org", ["1.vm"], "1.vm"),
        ("1.vm", ["11.vm"], None),
        ("3[2].vm", ["3[].vm"], "3[].vm"),
        ("3[2].vm", ["3[].vm", "3[2].vm"], "3[2].vm"),
        ("3[].vm", ["3[2].vm"], None),
        ("3.vm", ["3[].vm"], None),
    ],
)
def test_which_id_is_meant(found: str, asked: list[str], meant: str | None) -> None:
    assert asked_for(found, asked) == meant


@pytest.mark.parametrize(
    ("printed", "job"),
    [
        ("12345.vm\n", "12345.vm"),
        ("12345\n", "12345"),
        ("12345.v", None),
        ("1", None),
        ("", None),
        ("hello\n7.vm\ngood luck\n", "7.vm"),
        ("7.vm\r\n", "7.vm"),
        ("job 7.vm\n", None),
    ],
)
def test_the_id_of_a_new_job(printed: str, job: str | None) -> None:
    assert pbs_job_id(CommandResult(0, printed, "")) == job


# --- answers


def describe(attributes: Any) -> JobReport | None:
    return JobReport(JobState.RUNNING) if attributes.get("job_state") == "R" else None


@given(st.dictionaries(st.from_regex(r"[A-Z][a-z_.]{0,8}", fullmatch=True), st.text(st.characters(codec="ascii"))))
def test_folded_lines_are_joined(attributes: dict[str, str]) -> None:
    values = {name: "".join(letter for letter in text if letter.isprintable()) for name, text in attributes.items()}
    text = "Job Id: 1.vm\n"
    for name, value in values.items():
        line = f"    {name} = {value}"
        head, rest = line[: max(79, len(name) + 7)], line[max(79, len(name) + 7) :]
        text += "\n".join([head, *(f"\t{rest[start : start + 71]}" for start in range(0, len(rest), 71))]) + "\n"
    wanted: dict[str, str] = {}
    for name, value in values.items():
        wanted.setdefault(name.lower(), value)
    assert pbs_blocks(text) == {"1.vm": wanted}


@given(st.text(), st.text(), st.integers(-15, 255), st.lists(st.text(), max_size=3))
def test_any_answer_gives_reports_of_what_was_asked_or_an_error(
    stdout: str, stderr: str, code: int, asked: list[str]
) -> None:
    result = CommandResult(code, stdout, stderr)
    with suppress(Unavailable, Unreadable):
        assert set(pbs_reports(result, asked, describe)) <= set(asked)
    with suppress(Unavailable):
        assert set(pbs_cancelled(result, asked)) <= set(asked)


def test_an_answer_with_an_error_about_more_than_jobs_says_nothing_of_those_it_lists() -> None:
    text = "Job Id: 1.vm\n    job_state = R\n\n"
    good = CommandResult(153, text, "qstat: Unknown Job Id 2.vm\n")
    assert pbs_reports(good, ["1.vm", "2.vm"], describe) == {"1.vm": JobReport(JobState.RUNNING)}
    with pytest.raises(Unavailable, match="timed out"):
        pbs_reports(CommandResult(1, text, "qstat: Unknown Job Id 2.vm\nqstat: timed out\n"), ["1.vm"], describe)


def test_a_thousand_jobs_are_read_at_once() -> None:
    jobs = [f"{number}.vm" for number in range(1000)]
    text = "".join(f"Job Id: {job}\n    job_state = R\n\n" for job in jobs)
    assert list(pbs_reports(CommandResult(0, text, ""), jobs, describe)) == jobs


def test_the_server_goes_away_while_jobs_are_ended() -> None:
    """Both lines are those of a real system, but not in one answer."""
    answer = CommandResult(255, "", "qdel: Job has finished 10.vm\nConnection refused\n")
    assert PBSProProvider().dialect().cancelled(answer, ["10.vm", "11.vm"]) == {"10.vm": True}
