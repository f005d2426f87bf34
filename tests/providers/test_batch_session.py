"""Blocks as jobs of some batch system: what a session says to it, and what it makes of the answers."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId, ExecutorLabel, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.ports import BlockContext, BlockRequest, CommandResult, RunInfo
from parsl_like.errors import ChannelError, ConfigurationError, ExecutionProviderException, SubmitException
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import LocalProvider, batch_session, doubts, waiting
from parsl_like.providers.batch import BatchProvider, open_batch
from parsl_like.providers.batch_session import BatchSession
from parsl_like.providers.dialect import Dialect, StatusQuery, Unavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsl_like.providers.dialect import Command


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class System:
    """A batch system of few words, and the channel to it: what it is to answer is set, what it was told is kept."""

    def __init__(self) -> None:
        self.told: list[Command] = []
        self.limits: list[float] = []
        self.jobs: dict[str, str] = {}
        self.named: dict[str, str] = {}
        self.past: dict[str, str] = {}
        self.answers: dict[str, CommandResult | Exception | Callable[[Command], CommandResult]] = {}
        self.open = True

    def run(self, argv: Sequence[str], *, timeout: float, stdin: str | None = None) -> CommandResult:
        assert stdin is None
        command = tuple(argv)
        self.told.append(command)
        self.limits.append(timeout)
        answer = self.answers.get(command[0])
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, CommandResult):
            return answer
        if answer is not None:
            return answer(command)
        return getattr(self, f"_{command[0]}")(*command[1:])

    def _put(self, *arguments: str) -> CommandResult:
        job = str(len(self.jobs) + 1)
        self.jobs[job] = "waits"
        self.named[arguments[0]] = job
        return CommandResult(0, f"job {job}\n", "")

    def _list(self, *jobs: str) -> CommandResult:
        return CommandResult(0, "".join(f"{job} {self.jobs[job]}\n" for job in jobs if job in self.jobs), "")

    def _past(self, *jobs: str) -> CommandResult:
        return CommandResult(0, "".join(f"{job} {self.past[job]}\n" for job in jobs if job in self.past), "")

    def _end(self, *jobs: str) -> CommandResult:
        return CommandResult(0, "", "".join(f"{job}?\n" for job in jobs if job not in self.jobs))

    def _kill(self, *jobs: str) -> CommandResult:
        return self._end(*jobs)

    def _find(self, name: str) -> CommandResult:
        return CommandResult(0, self.named.get(name, ""), "")

    def _why(self, job: str) -> CommandResult:
        return CommandResult(0, f"{job} never", "")

    def push(self, local: object, remote: object) -> None:
        raise AssertionError

    pull = push

    def close(self) -> None:
        self.open = False

    def said(self, word: str) -> list[Command]:
        return [command for command in self.told if command[0] == word]


WORDS = {"waits": JobState.PENDING, "runs": JobState.RUNNING, "done": JobState.COMPLETED, "bad": JobState.FAILED}


def read(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, JobReport]:
    if result.exit_code:
        raise Unavailable(result.stderr)
    reports = {}
    for line in result.stdout.splitlines():
        job, _, word = line.partition(" ")
        if word not in WORDS:
            raise Unreadable(line)
        reports[job] = JobReport(WORDS[word], word)
    assert reports.keys() <= set(jobs)
    return reports


def cancelled(result: CommandResult, jobs: Sequence[str]) -> Mapping[str, bool]:
    if result.exit_code:
        raise Unavailable(result.stderr)
    return {job: f"{job}?" not in result.stderr for job in jobs}


PLAIN = Dialect(
    prefix="#X",
    submit=lambda paths: ("put", paths.name, paths.script, paths.stdout, paths.stderr),
    job_id=lambda result: result.stdout.removeprefix("job ").strip() if result.stdout.startswith("job ") else None,
    refusal=lambda result: "never" in result.stderr,
    cancel=lambda jobs: ("end", *jobs),
    cancelled=cancelled,
    status=(StatusQuery(lambda jobs: ("list", *jobs), read, batch=3),),
    find=lambda name: ("find", name),
)


@dataclasses.dataclass(kw_only=True)
class Provider(BatchProvider):
    spoken: Dialect = PLAIN

    def dialect(self) -> Dialect:
        return self.spoken

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        return [f"-name {name}", f"-nodes {self.nodes_per_block}"]

    def exports(self, request: BlockRequest) -> Mapping[str, str]:
        return {"OF_THE_BLOCK": f"it's {request.block_id}"}


class LateProvider(Provider):
    streams_late = True


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(system: System, clock: Clock, tmp_path: Path) -> Callable[..., BatchSession]:
    def make(kind: type[Provider] = Provider, **options: Any) -> BatchSession:
        options.setdefault("launcher", SimpleLauncher())
        run = RunInfo("run", str(tmp_path), 0.0)
        context = BlockContext(run, ExecutorLabel("htex"), str(tmp_path / "scripts"), clock)
        return BatchSession(kind(**options), system, context)

    return make


def request(block: str = "0", command: str = "true", **options: Any) -> BlockRequest:
    return BlockRequest(BlockId(block), command, job_name="parsl_like.htex", **options)


def script_of(session: BatchSession, job: JobId) -> Path:
    path = session.script(job)
    assert path is not None
    return Path(path)


def run_script(session: BatchSession, job: JobId) -> subprocess.CompletedProcess[str]:
    """As the batch system would."""
    return subprocess.run(
        ["bash", script_of(session, job)], capture_output=True, text=True, check=False, start_new_session=True
    )


# --- submitting


def test_a_job_gets_a_script_with_its_directives_first(make: Callable[..., BatchSession], system: System) -> None:
    session = make(scheduler_options="#X -of the user\n\n  #X -more  ", nodes_per_block=2)
    job = session.submit(request(files={"key": b"secret"}))
    assert job == "1"
    text = script_of(session, job).read_text()
    ((_, name, script, stdout, stderr),) = system.said("put")
    header = ["#!/bin/bash", f"#X -name {name}", "#X -nodes 2", "#X -of the user", "#X -more"]
    assert text.splitlines()[:5] == header
    assert script == str(script_of(session, job))
    assert session.output(job) == (stdout, stderr)
    extra = script_of(session, job).with_suffix(".files")
    assert (extra / "key").read_bytes() == b"secret"
    assert stat.S_IMODE(os.stat(extra / "key").st_mode) == 0o600


def test_its_processes_know_the_block_and_its_end(make: Callable[..., BatchSession]) -> None:
    session = make(walltime="00:02:00", cores_per_node=3, mem_per_node=1.5)
    line = 'echo "$OF_THE_BLOCK $PARSL_CORES $PARSL_MEMORY_GB $((PARSL_LIKE_BLOCK_ENDS - $(date +%s)))"'
    done = run_script(session, session.submit(request("7", line)))
    assert done.returncode == 0
    assert done.stdout.split()[:4] == ["it's", "7", "3", "1.5"]
    assert 100 <= int(done.stdout.split()[4]) <= 120


def test_names_are_unlike_each_other_and_short_where_they_must_be(
    make: Callable[..., BatchSession], system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make()
    for _ in range(2):
        session.submit(request())
    monkeypatch.setattr(Provider, "longest_name", 15)
    for block in ("0", "12345678901234567890"):
        session.submit(request(block))
    names = [command[1] for command in system.said("put")]
    assert len(set(names)) == 4
    assert all(
        name[0].isalpha() and name.replace(".", "").replace("_", "").replace("-", "").isalnum() for name in names
    )
    assert [len(name) <= 15 for name in names] == [False, False, True, True]


def test_what_the_batch_system_refuses_is_refused_in_its_words(
    make: Callable[..., BatchSession], system: System, tmp_path: Path
) -> None:
    session = make()
    system.answers["put"] = CommandResult(2, "", "never such a queue")
    with pytest.raises(SubmitException, match="never such a queue") as caught:
        session.submit(request(files={"key": b"secret"}))
    assert not caught.value.transient
    assert caught.value.retcode == 2
    assert not system.said("find")
    assert not list(tmp_path.glob("scripts/*.files"))
    assert str(tmp_path / "scripts") in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        ChannelError("put took longer than 10 s and was killed", transient=True),
        CommandResult(1, "", "no answer from the server"),
        CommandResult(0, "<html>", ""),
    ],
)
def test_a_job_that_was_taken_without_a_clear_answer_is_adopted(
    make: Callable[..., BatchSession], system: System, answer: CommandResult | Exception
) -> None:
    def takes(command: Command) -> CommandResult:
        system._put(*command[1:])
        if isinstance(answer, Exception):
            raise answer
        return answer

    system.answers["put"] = takes
    session = make()
    job = session.submit(request())
    assert job == "1"
    assert session.status([job])[job].state is JobState.PENDING
    assert len(system.said("put")) == 1


def test_one_that_is_found_later_is_ended(
    make: Callable[..., BatchSession], system: System, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    session = make()
    system.answers["put"] = ChannelError("put took longer than 10 s and was killed", transient=True)
    with pytest.raises(SubmitException, match="longer than 10 s") as caught:
        session.submit(request())
    assert caught.value.transient
    session.status([])
    assert not system.said("end")
    name = system.said("put")[0][1]
    system.named[name], system.jobs["9"] = "9", "waits"
    session.status([])
    assert system.said("end") == [("end", "9")]
    assert "came to be after its submission had failed" in caplog.text
    looks = len(system.said("find"))
    session.status([])
    assert len(system.said("find")) == looks


def test_one_that_cannot_be_ended_is_told_again(
    make: Callable[..., BatchSession], system: System, caplog: pytest.LogCaptureFixture
) -> None:
    session = make()
    system.answers["put"] = ChannelError("put took longer than 10 s and was killed", transient=True)
    system.answers["find"] = ChannelError("find took longer than 5 s and was killed", transient=True)
    with pytest.raises(SubmitException, match="put took longer"):
        session.submit(request())
    del system.answers["find"]
    name = system.said("put")[0][1]
    system.named[name], system.jobs["9"] = "9", "waits"
    system.answers["end"] = CommandResult(1, "", "no answer from the server")
    session.status([])
    assert "the end of job 9 could not be asked for: no answer from the server" in caplog.text
    del system.answers["end"]
    session.status([])
    assert system.said("end") == [("end", "9")] * 2
    looks = len(system.said("find"))
    session.status([])
    assert len(system.said("find")) == looks


def test_where_names_cannot_be_looked_for_none_is(make: Callable[..., BatchSession], system: System) -> None:
    session = make(spoken=dataclasses.replace(PLAIN, find=None))
    system.answers["put"] = CommandResult(0, "<html>", "")
    with pytest.raises(SubmitException, match="gave no job id"):
        session.submit(request())
    session.status([])
    session.close()
    assert {command[0] for command in system.told} == {"put"}


def test_what_a_batch_system_has_to_say_itself() -> None:
    plain = BatchProvider(launcher=SimpleLauncher())
    with pytest.raises(NotImplementedError, match="BatchProvider does not say how its batch system is spoken to"):
        plain.dialect()
    with pytest.raises(NotImplementedError, match="BatchProvider does not say what its blocks ask for"):
        plain.directives(request(), "name")


def test_a_session_is_opened_only_for_ones_own_kind(make: Callable[..., BatchSession], tmp_path: Path) -> None:
    context = BlockContext(RunInfo("run", str(tmp_path), 0.0), ExecutorLabel("htex"), str(tmp_path), Clock())
    assert open_batch(LocalProvider(), Provider, context) is None
    opened = open_batch(Provider(launcher=SimpleLauncher()), Provider, context)
    assert isinstance(opened, BatchSession)
    opened.close()


def test_it_is_looked_for_at_the_end_and_not_for_ever(
    make: Callable[..., BatchSession], system: System, clock: Clock
) -> None:
    session = make()
    system.answers["put"] = CommandResult(1, "", "try later")
    for block in range(doubts.AT_ONCE + 1):
        with pytest.raises(SubmitException):
            session.submit(request(str(block)))
    last = system.said("put")[-1][1]
    system.named[last], system.jobs["9"] = "9", "waits"
    session.close()
    assert system.said("end") == [("end", "9")]
    assert not system.open
    clock.now += doubts.IN_DOUBT_S + 1
    session.status([])
    looks = len(system.said("find"))
    session.status([])
    assert len(system.said("find")) == looks


def test_a_command_that_is_not_there_is_no_reason_to_look(make: Callable[..., BatchSession], system: System) -> None:
    system.answers["put"] = ChannelError("cannot run put: No such file or directory")
    with pytest.raises(SubmitException, match="No such file") as caught:
        make().submit(request())
    assert not caught.value.transient
    assert not system.said("find")


def test_a_value_that_would_end_its_line_is_refused_before_anything_is_submitted(
    make: Callable[..., BatchSession], system: System
) -> None:
    with pytest.raises(ConfigurationError, match="pending_timeout"):
        Provider(pending_timeout=-1).sealed()
    with pytest.raises(ConfigurationError, match="scheduler_options"):
        Provider(scheduler_options="#X a\0b").sealed()
    with pytest.raises(ConfigurationError, match="walltime"):
        Provider(walltime="00:00:00").sealed()


# --- asking


def submitted(session: BatchSession, count: int) -> list[JobId]:
    return [session.submit(request(str(block))) for block in range(count)]


def test_states_come_in_few_commands(make: Callable[..., BatchSession], system: System) -> None:
    session = make()
    jobs = submitted(session, 5)
    system.jobs.update(dict.fromkeys(jobs[:2], "runs"))
    reports = session.status(jobs)
    assert [reports[job].state for job in jobs] == [JobState.RUNNING] * 2 + [JobState.PENDING] * 3
    assert system.said("list") == [("list", "1", "2", "3"), ("list", "4", "5")]


def test_the_end_of_a_job_is_asked_for_once(make: Callable[..., BatchSession], system: System) -> None:
    session = make()
    jobs = submitted(session, 2)
    system.jobs[jobs[0]] = "done"
    assert session.status(jobs)[jobs[0]].state is JobState.COMPLETED
    system.jobs[jobs[0]] = "runs"
    assert session.status(jobs)[jobs[0]].state is JobState.COMPLETED
    assert system.said("list") == [("list", "1", "2"), ("list", "2")]


def test_no_answer_says_nothing_about_jobs(make: Callable[..., BatchSession], system: System) -> None:
    session = make()
    jobs = submitted(session, 4)
    for answer in (
        CommandResult(1, "", "server away"),
        ChannelError("list took longer than 10 s", transient=True),
        CommandResult(0, "1 what?", ""),
    ):
        system.answers["list"] = answer
        with pytest.raises(ExecutionProviderException) as caught:
            session.status(jobs)
        assert caught.value.transient

    def half(command: Command) -> CommandResult:
        return CommandResult(1, "", "server away") if "4" in command else system._list(*command[1:])

    system.answers["list"] = half
    reports = session.status(jobs)
    assert [reports[job].state for job in jobs] == [JobState.PENDING] * 3 + [JobState.UNKNOWN]
    assert "server away" in str(reports[jobs[3]].message)


def test_a_job_that_is_not_spoken_of_is_not_reported(make: Callable[..., BatchSession], system: System) -> None:
    session = make()
    (job,) = submitted(session, 1)
    del system.jobs[job]
    assert session.status([job]) == {}


def test_but_its_exit_code_is(make: Callable[..., BatchSession], system: System) -> None:
    session = make()
    good, bad = (session.submit(request(block, command)) for block, command in (("0", "true"), ("1", "( exit 3 )")))
    for job in (good, bad):
        run_script(session, job)
    assert session.status([good])[good].state is JobState.PENDING, "the batch system still speaks of it"
    system.jobs.clear()
    reports = session.status([good, bad])
    assert (reports[good].state, reports[good].exit_code) == (JobState.COMPLETED, 0)
    assert (reports[bad].state, reports[bad].exit_code) == (JobState.FAILED, 3)
    assert str(script_of(session, bad)) in str(reports[bad].message)


def test_history_is_asked_for_the_others_and_may_fail(make: Callable[..., BatchSession], system: System) -> None:
    session = make(
        spoken=dataclasses.replace(PLAIN, history=StatusQuery(lambda jobs: ("past", *jobs), read)),
    )
    jobs = submitted(session, 3)
    run_script(session, jobs[0])
    for job in jobs[:2]:
        del system.jobs[job]
    system.past[jobs[1]] = "bad"
    assert {job: report.state.name for job, report in session.status(jobs).items()} == {
        "1": "COMPLETED",
        "2": "FAILED",
        "3": "PENDING",
    }
    assert system.said("past") == [("past", "2")]
    system.answers["past"] = CommandResult(1, "", "no accounting")
    del system.jobs[jobs[2]]
    assert "3" not in session.status(jobs)


def test_of_history_only_ends_are_believed(make: Callable[..., BatchSession], system: System) -> None:
    """An accounting that has missed the end of a job says for ever that it runs."""
    session = make(spoken=dataclasses.replace(PLAIN, history=StatusQuery(lambda jobs: ("past", *jobs), read)))
    jobs = submitted(session, 2)
    system.jobs.clear()
    system.past |= {jobs[0]: "runs", jobs[1]: "done"}
    assert {job: report.state.name for job, report in session.status(jobs).items()} == {"2": "COMPLETED"}


def test_those_that_were_left_out_come_first_the_next_time(make: Callable[..., BatchSession], system: System) -> None:
    session = make(
        spoken=dataclasses.replace(PLAIN, status=(StatusQuery(lambda jobs: ("list", *jobs), read, batch=2),))
    )
    jobs = submitted(session, 5)

    def slow(command: Command) -> CommandResult:
        if len(system.said("list")) % 2 == 0:
            raise ChannelError("no time was left to run list", transient=True)
        return system._list(*command[1:])

    system.answers["list"] = slow
    unknown = [job for job, report in session.status(jobs).items() if report.state is JobState.UNKNOWN]
    assert unknown == ["3", "4"]
    session.status(jobs)
    assert system.said("list")[3] == ("list", "3", "4")


def test_what_is_done_aside_takes_no_time_from_the_question(
    make: Callable[..., BatchSession], system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(batch_session.time, "monotonic", lambda: now[0])
    session = make(cmd_timeout=10)
    system.answers["put"] = CommandResult(1, "", "server away")
    for block in "0123":
        with pytest.raises(SubmitException):
            session.submit(request(block))

    def slow(command: Command) -> CommandResult:
        now[0] += min(2.0, system.limits[-1])
        return CommandResult(0, "", "")

    system.answers["find"] = slow
    system.told.clear()
    system.limits.clear()
    session.status([JobId("1")])
    limits = dict(zip((command[0] for command in system.told), system.limits, strict=True))
    assert len(system.said("find")) == 3, "five seconds for all of them"
    assert limits["list"] == 10.0


def test_a_job_that_went_without_a_word_when_its_time_was_up_has_timed_out(
    make: Callable[..., BatchSession], system: System, clock: Clock
) -> None:
    session = make(walltime="00:01:00")
    (job,) = submitted(session, 1)
    script_of(session, job).with_suffix(".ends").write_text("2000\n")
    del system.jobs[job]
    assert session.status([job]) == {}
    clock.now = 1995
    assert session.status([job])[job].state is JobState.TIMEOUT


def test_one_that_is_told_to_end_then_has_timed_out_too(make: Callable[..., BatchSession], system: System) -> None:
    session = make(walltime="00:00:05")
    early = session.submit(request("0", "kill -TERM $$; sleep 60"))
    assert run_script(session, early).returncode == 143
    system.jobs.clear()
    assert session.status([early])[early].state is JobState.TIMEOUT
    other = make(walltime="01:00:00")
    late = other.submit(request("1", "kill -TERM $$; sleep 60"))
    assert run_script(other, late).returncode == 143
    system.jobs.clear()
    assert other.status([late])[late].state is JobState.CANCELLED


def test_the_first_way_of_asking_that_works_is_used(make: Callable[..., BatchSession], system: System) -> None:
    better = StatusQuery(lambda jobs: ("better", *jobs), read, probe=("probe",))
    session = make(spoken=dataclasses.replace(PLAIN, status=(better, *PLAIN.status)))
    system.answers["probe"] = ChannelError("cannot run probe")
    (job,) = submitted(session, 1)
    for _ in range(2):
        session.status([job])
    assert len(system.said("probe")) == 1
    assert len(system.said("list")) == 2
    works = make(spoken=dataclasses.replace(PLAIN, status=(better, *PLAIN.status)))
    system.answers |= {"probe": CommandResult(0, "", ""), "better": CommandResult(0, f"{job} runs", "")}
    assert works.status([job])[job].state is JobState.RUNNING


def test_why_jobs_wait_is_asked_now_and_then(make: Callable[..., BatchSession], system: System, clock: Clock) -> None:
    def why(result: CommandResult) -> tuple[str, bool] | None:
        job, _, word = result.stdout.partition(" ")
        return (f"{job} can {word} start", word == "never") if word else None

    session = make(spoken=dataclasses.replace(PLAIN, reason=lambda job: ("why", job), why=why))
    jobs = submitted(session, 5)
    system.jobs[jobs[4]] = "runs"
    assert all(report.hopeless is None for report in session.status(jobs).values())
    assert not system.said("why")
    clock.now += waiting.ASK_AFTER_S
    assert len([job for job, report in session.status(jobs).items() if report.hopeless]) == waiting.AT_ONCE
    clock.now += 1
    reports = session.status(jobs)
    assert [reports[job].hopeless is not None for job in jobs] == [True] * 4 + [False]
    assert reports[jobs[0]].message == "1 can never start"
    asked = len(system.said("why"))
    session.status(jobs)
    assert len(system.said("why")) == asked
    clock.now += waiting.ASK_AFTER_S
    system.answers["why"] = CommandResult(0, "", "")
    assert session.status(jobs[:1])[jobs[0]].hopeless is None
    clock.now += waiting.ASK_AFTER_S
    system.answers["why"] = ChannelError("why took longer than 5 s", transient=True)
    assert session.status(jobs[:1])[jobs[0]].hopeless is None


# --- ending


def test_jobs_are_told_to_end_once_and_then_forced(make: Callable[..., BatchSession], system: System) -> None:
    session = make(spoken=dataclasses.replace(PLAIN, force=lambda jobs: ("kill", *jobs)))
    jobs = submitted(session, 2)
    assert session.cancel([*jobs, JobId("77")]) == {"1": True, "2": True, "77": False}
    system.jobs[jobs[0]] = "done"
    session.status(jobs)
    assert session.cancel(jobs) == {"1": True, "2": True}
    assert system.said("end") == [("end", "1", "2", "77")]
    assert system.said("kill") == [("kill", "2")]


def test_an_end_that_nobody_heard_of_is_an_error(make: Callable[..., BatchSession], system: System) -> None:
    session = make()
    jobs = submitted(session, 4)
    system.answers["end"] = CommandResult(1, "", "server away")
    with pytest.raises(ExecutionProviderException, match="server away"):
        session.cancel(jobs)

    def half(command: Command) -> CommandResult:
        return CommandResult(1, "", "server away") if "4" in command else system._end(*command[1:])

    system.answers["end"] = half
    assert session.cancel(jobs) == {"1": True, "2": True, "3": True, "4": False}


# --- time


def test_no_command_may_take_longer_than_its_limit(make: Callable[..., BatchSession], system: System) -> None:
    session = make(cmd_timeout=7)
    (job,) = submitted(session, 1)
    session.status([job])
    session.cancel([job])
    assert all(0 < limit <= 7 for limit in system.limits)


def test_a_call_with_many_commands_ends_in_time(
    make: Callable[..., BatchSession], system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make(cmd_timeout=7)
    jobs = submitted(session, 9)
    monkeypatch.setattr("parsl_like.providers.batch_session.time.monotonic", lambda: float(10 * len(system.told)))
    assert {report.state for report in session.status(jobs).values()} == {JobState.PENDING, JobState.UNKNOWN}


# --- other sessions


def test_another_session_finds_a_job_by_its_id(make: Callable[..., BatchSession], system: System) -> None:
    first = make()
    job = first.submit(request(files={"key": b"secret"}))
    run_script(first, job)
    system.jobs.clear()
    other = make()
    assert other.script(job) == first.script(job)
    assert other.output(job) == first.output(job)
    assert other.status([job])[job].state is JobState.COMPLETED


def test_what_is_no_record_of_a_job_leads_nowhere(make: Callable[..., BatchSession], tmp_path: Path) -> None:
    session = make()
    (tmp_path / "scripts").mkdir(exist_ok=True)
    for job, content in (("1", b"../../etc/passwd"), ("2", b""), ("3", b"\xff\xfe"), ("4", b"a b")):
        (tmp_path / "scripts" / f"{job}.job").write_bytes(content)
        assert session.output(JobId(job)) == (None, None)
        assert session.script(JobId(job)) is None
    assert session.output(JobId("../x")) == (None, None)


def test_an_id_that_comes_again_is_another_job(make: Callable[..., BatchSession], system: System) -> None:
    session = make()
    (job,) = submitted(session, 1)
    system.jobs[job] = "done"
    assert session.status([job])[job].state is JobState.COMPLETED
    system.jobs.clear()
    assert session.submit(request("1")) == job
    assert session.status([job])[job].state is JobState.PENDING
    assert script_of(session, job).name == "parsl_like.htex.block-1.sh"


# --- output that comes late


def test_a_script_writes_its_own_output_where_the_batch_system_keeps_it(
    make: Callable[..., BatchSession], system: System
) -> None:
    session = make(LateProvider)
    job = session.submit(request("0", "echo out; echo err >&2"))
    ((_, _, _, stdout, stderr),) = system.said("put")
    assert stdout == stderr
    assert stdout.endswith(".batch")
    done = run_script(session, job)
    assert (done.stdout, done.stderr) == ("", "")
    assert [Path(path).read_text() for path in session.output(job) if path] == ["out\n", "err\n"]


# --- before anything is submitted


def test_a_block_can_be_shown(make: Callable[..., BatchSession], system: System, tmp_path: Path) -> None:
    shown = make(scheduler_options="#X -u").render(request())
    assert not system.told
    assert not (tmp_path / "scripts").exists()
    assert shown.submit[:2] == ("put", shown.paths.name)
    assert shown.status == (("list", "JOB"),)
    assert shown.cancel == ("end", "JOB")
    assert f"#X -name {shown.paths.name}" in shown.script


def test_the_batch_system_can_judge_it(make: Callable[..., BatchSession], system: System, tmp_path: Path) -> None:
    session = make(spoken=dataclasses.replace(PLAIN, judge=lambda paths: ("judge", paths.script)))
    system.answers["judge"] = CommandResult(1, "", "no such queue")
    assert session.judge(request()).stderr == "no such queue"
    assert not system.said("put")
    assert not list((tmp_path / "scripts").iterdir())


def test_elsewhere_a_held_job_shows_it(make: Callable[..., BatchSession], system: System, tmp_path: Path) -> None:
    assert make().judge(request()).exit_code == 0
    ((_, hold, *_),) = system.said("put")
    assert hold == "-h"
    assert system.said("end") == [("end", "1")]
    assert not list((tmp_path / "scripts").iterdir())
