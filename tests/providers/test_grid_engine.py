"""What a Grid Engine provider makes of its options, and that no answer of the commands can hurt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.ports import BlockRequest, CommandResult
from parsl_like.errors import ConfigurationError
from parsl_like.providers import GridEngineProvider
from parsl_like.providers.dialect import JobPaths, Unavailable, Unreadable
from parsl_like.providers.grid_engine import answers

REQUEST = BlockRequest(BlockId("0"), "run")


def header(**options: Any) -> list[str]:
    return GridEngineProvider(**options).sealed().header(REQUEST, "block-0").splitlines()


def test_directives() -> None:
    assert header() == ["#$ -l h_rt=600", "#$ -r n"]
    assert header(queue="long.q@@fast", walltime="1-02:03:04", scheduler_options="#$ -P mine\n  #$ -pe mpi 8\n") == [
        "#$ -l h_rt=93784",
        "#$ -r n",
        "#$ -q long.q@@fast",
        "#$ -P mine",
        "#$ -pe mpi 8",
    ]


@pytest.mark.parametrize("queue", ["a b", "a\n#$ -P theirs", "a'", 'a"', "a\\b", "a\tb", ""])
def test_a_queue_smuggles_nothing_in(queue: str) -> None:
    with pytest.raises(ConfigurationError, match=r"GridEngineProvider\.queue"):
        GridEngineProvider(queue=queue).sealed()


@pytest.mark.parametrize("text", ["#$ -V", "module load x\n#$ -l gpu=1"])
def test_directives_in_worker_init_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"worker_init is .*scheduler_options"):
        GridEngineProvider(worker_init=text).sealed()
    GridEngineProvider(worker_init=f" {text.splitlines()[0]}").sealed()


def submitted(folder: str) -> tuple[str, ...]:
    paths = JobPaths(f"{folder}/b.sh", f"{folder}/b.batch", f"{folder}/b.batch", folder, "block-0")
    return GridEngineProvider().dialect().submit(paths)


def test_paths_that_qsub_would_take_for_something_else_are_not_given_to_it() -> None:
    assert submitted("/a b")[-9:] == ("-wd", "/a b", "-j", "n", "-o", "/a b/b.batch", "-e", "/a b/b.batch", "/a b/b.sh")
    for folder in ("/a,b", "/a:b", "/a'b", '/a"b', "/~a"):
        words = submitted(folder)
        assert (words[words.index("-wd") + 1], words[words.index("-o") + 1]) == (folder, "/dev/null")
    words = submitted("/$HOME")
    assert (words[words.index("-wd") + 1], words[words.index("-o") + 1]) == ("/", "/dev/null")
    assert submitted("/a")[:6] == ("qsub", "-terse", "-N", "block-0", "-S", "/bin/bash")


@pytest.mark.parametrize("job", ["", "*", "name", "1.1", "²", "1,2", "-u"])
def test_what_is_no_number_never_reaches_a_command(job: str) -> None:
    dialect = GridEngineProvider().dialect()
    assert dialect.history is not None
    assert dialect.force is not None
    assert dialect.reason is not None
    for command in (dialect.cancel([job]), dialect.force([job]), dialect.history.command([job]), dialect.reason(job)):
        assert command[-1] == "10000000"
    assert dialect.cancel(["5", job, "6"]) == ("qdel", "5", "6")


def test_a_script_is_judged_without_being_submitted() -> None:
    dialect = GridEngineProvider().dialect()
    assert dialect.judge is not None
    paths = JobPaths("/b.sh", "/b.out", "/b.err", "/", "block-0")
    assert dialect.judge(paths) == ("qsub", "-w", "v", *dialect.submit(paths)[1:])


# --- answers; those of the real commands are in transcripts/grid_engine


def result(stdout: str, stderr: str = "", exit_code: int = 0) -> CommandResult:
    return CommandResult(exit_code, stdout, stderr)


@pytest.mark.parametrize(
    ("stdout", "job"),
    [
        ("7\n", "7"),
        ("8.1-4:1\n", "8"),
        ('Your job 5 ("plain") has been submitted\n', "5"),
        ('Your job-array 8.1-4:1 ("arr") has been submitted\n', "8"),
        ("a notice of the site\n9\n", "9"),
        ("123", None),
        ("", None),
        ("Your job 5", None),
        ("<html>404</html>\n", None),
    ],
)
def test_the_number_of_a_new_job(stdout: str, job: str | None) -> None:
    assert answers.job_id(result(stdout)) == job


def test_several_rows_of_an_array_are_one_job() -> None:
    def listing(*codes: str) -> str:
        rows = "".join(f"<job_list><JB_job_number>4</JB_job_number><state>{code}</state></job_list>" for code in codes)
        return f"<?xml version='1.0'?><job_info>{rows}</job_info>"

    for codes, state in {
        ("hqw", "qw", "r"): JobState.RUNNING,
        ("qw", "hqw"): JobState.PENDING,
        ("Eqw", "hqw"): JobState.HELD,
        ("", "Eqw"): JobState.HELD,
    }.items():
        for rows in (codes, codes[::-1]):
            assert answers.states(result(listing(*rows)), ["4"])["4"].state is state


def why(info: str, queues: str = "") -> tuple[str, bool] | None:
    wanted = f"hard_queue_list:            {queues}\n" if queues else ""
    lines = ("\n" + " " * 28).join(info.splitlines())
    return answers.why(result(f"job_number:                 4\n{wanted}scheduling info:            {lines}\n"))


DISABLED = 'queue instance "{}" dropped because it is disabled'
FULL = 'queue instance "{}" dropped because it is full'
LIMIT = '(-l h_rt=600) cannot run in queue "{}" because of cluster queue'
ELSEWHERE = 'cannot run in queue "{}" because it is not contained in its hard queue list (-q)'


def test_a_job_never_starts_only_if_nothing_else_keeps_it() -> None:
    shut, full = DISABLED.format("a.q@n1"), FULL.format("b.q@n1")
    assert why(shut) is None, "it may go to any other queue"
    assert why(f"{shut}\n{full}") == (f"{shut}; {full}", False)
    assert why(f"{shut}\n{full}", "a.q") == (shut, True)
    assert why(f"{shut}\n{full}", "b.q") == (full, False)
    assert why(f"{shut}\n{full}", "a.q,b.q") == (f"{shut}; {full}", False)
    assert why(f"{shut}\n{DISABLED.format('a.q@n2')}", "a.*") == (f"{shut}; {DISABLED.format('a.q@n2')}", True)
    assert why(shut, "a.q@n1") == (shut, True)
    assert why(f"{LIMIT.format('c.q')}\n{ELSEWHERE.format('a.q')}") == (LIMIT.format("c.q"), True)
    assert why(f"{LIMIT.format('c.q')}\n{full}") == (f"{LIMIT.format('c.q')}; {full}", False)
    assert why("(Collecting of scheduler job information is turned off)") is None


def test_many_reasons_are_cut_short() -> None:
    said = why("\n".join(FULL.format(f"a.q@n{number}") for number in range(9)))
    assert said is not None
    assert said[0].count("is full") == 3
    assert said[0].endswith("; and 6 more")


@given(st.text(max_size=300), st.text(max_size=100), st.integers(0, 255))
def test_nonsense_is_no_answer(stdout: str, stderr: str, exit_code: int) -> None:
    """Whatever is printed, nothing is raised but what says so, and no job is taken for ended."""
    said = result(stdout, stderr, exit_code)
    answers.job_id(said)
    answers.refused(said)
    answers.found(said)
    for parse in (answers.states, answers.cancelled, lambda given, jobs: answers.accounted(given, jobs, lifetime=60)):
        try:
            reports = parse(said, ["4", "x"])
        except (Unavailable, Unreadable):
            continue
        assert not any(isinstance(report, JobReport) for report in reports.values())
    try:
        answers.why(said)
    except Unavailable:
        assert exit_code


@given(
    st.lists(st.sampled_from("rtqwhEzsSTRd?u"), min_size=1, max_size=5).map("".join),
    st.sampled_from(["", "u", "d", "au"]),
)
def test_every_word_of_known_letters_is_a_state(code: str, host: str) -> None:
    row = f"<job_list><JB_job_number>4</JB_job_number><state>{code}</state></job_list>"
    text = f"<job_info><queue_info><Queue-List><state>{host}</state>{row}</Queue-List></queue_info></job_info>"
    reports = answers.states(result(text), ["4"])
    if "u" in host and "d" not in code:
        assert reports == {}
        return
    known = any(letter in answers.STATES for letter in code)
    assert (reports["4"].state is not JobState.UNKNOWN) is known
    assert (reports["4"].hopeless is not None) is (reports["4"].state is JobState.HELD)


def test_an_answer_to_another_question() -> None:
    (query,) = GridEngineProvider().dialect().status
    with pytest.raises(Unreadable, match="<detailed_job_info> in the place of <job_info>"):
        query.parse(CommandResult(0, "<?xml version='1.0'?>\n<detailed_job_info/>\n", ""), ["4"])
