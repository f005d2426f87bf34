"""Blocks as processes of another machine: how they end, what a lost connection does to them, and what is left."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.channels import Channel, LocalChannel
from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.core.ports import BlockPlace, BlockRequest
from parsl_like.errors import ConfigurationError, ExecutionProviderException, ScriptPathError, SubmitException
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import LocalProvider
from parsl_like.providers.base import ExecutionProvider, one_shot_context
from parsl_like.providers.host_session import HostSession
from parsl_like.testing.contracts import ProviderContract
from tests.providers.machines import Line, MachineChannel

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 60.0


class TestContract(ProviderContract):
    """All that a provider promises, with a machine that shares nothing with this one."""

    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path) -> Path:
        self.machine = tmp_path / "ho me $(touch evil) ';'"
        self.machine.mkdir()
        return self.machine

    def make_provider(self, **options: object) -> ExecutionProvider:
        return LocalProvider(channel=MachineChannel(str(self.machine)), **options)  # type: ignore[arg-type]


class Machine:
    def __init__(self, folder: Path) -> None:
        self.home, self.here = folder / "home", folder / "here"
        self.home.mkdir()
        self.channel = MachineChannel(str(self.home))

    @property
    def line(self) -> Line:
        return self.channel.line

    def session(self, **options: Any) -> HostSession:
        provider = LocalProvider(channel=self.channel, launcher=SimpleLauncher(), **options).sealed()
        session = provider.open(one_shot_context(str(self.here)))
        assert isinstance(session, HostSession)
        return session

    def there(self, pattern: str) -> list[Path]:
        return sorted(self.home.glob(f".parsl_like/*/{pattern}"))


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.providers.host_session.LOOK_AGAIN_S", 0.0)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def session(machine: Machine) -> Iterator[HostSession]:
    with closing(machine.session()) as session:
        yield session


def request(command: str, **more: Any) -> BlockRequest:
    return BlockRequest(BlockId("7"), command, **more)


def until(holds: Any, what: str) -> Any:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not (value := holds()):
        assert time.monotonic() < deadline, what
        pause.wait(0.02)
    return value


def end_of(session: HostSession, job: JobId) -> JobReport:
    def ended() -> JobReport | None:
        report = session.status([job])[job]
        return report if report.state in TERMINAL_STATES else None

    return until(ended, "the job has not ended")


def pid_of(machine: Machine) -> int:
    (path,) = until(lambda: machine.there("*.pid"), "no process")
    return int(path.read_text().split()[0])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# --- where things are


def test_scripts_and_output_are_there_and_copies_of_them_here(machine: Machine, session: HostSession) -> None:
    job = session.submit(request("pwd; echo err >&2; exit 3", files={"key": b"secret"}))
    report = end_of(session, job)
    assert (report.state, report.exit_code) == (JobState.FAILED, 3)
    assert report.message is not None
    assert report.message.startswith("on far: ")
    (script,) = machine.there("*.sh")
    assert session.script(job) == str(machine.here / script.name)
    assert Path(session.script(job) or "").read_bytes() == script.read_bytes()
    stdout, stderr = (Path(path or "").read_text() for path in session.output(job))
    assert (stdout, stderr) == (f"{machine.home}\n", "err\n")
    assert not list(machine.here.glob("*.files")), "keys are never here"
    assert not machine.there("*.files"), "and there no longer"


def test_one_command_starts_a_block_and_one_asks_for_all(machine: Machine, session: HostSession) -> None:
    jobs = [session.submit(request("sleep 600")) for _ in range(3)]
    assert len(machine.line.commands) == 1 + 3
    assert {report.state for report in session.status(jobs).values()} == {JobState.RUNNING}
    assert len(machine.line.commands) == 1 + 3 + 1
    session.cancel(jobs)


def test_of_a_block_that_is_over_nothing_stays_if_that_is_wanted(machine: Machine, session: HostSession) -> None:
    job = session.submit(request("true"))
    assert end_of(session, job).state is JobState.COMPLETED
    assert machine.there("*.sh")
    session.remove(job)
    assert not list((machine.home / ".parsl_like").iterdir())


def test_what_is_asked_again_at_once_is_answered_without_a_command(
    machine: Machine, session: HostSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parsl_like.providers.host_session.LOOK_AGAIN_S", 60.0)
    job = session.submit(request("sleep 600"))
    assert session.status([job]) == session.status([job])
    assert len(machine.line.commands) == 3
    session.cancel([job])
    assert end_of_told(session, job).state is JobState.CANCELLED


def end_of_told(session: HostSession, job: JobId) -> JobReport:
    session.close()
    return session.status([job])[job]


def test_a_block_that_can_be_elsewhere_is_told_where_it_is(machine: Machine, session: HostSession) -> None:
    places: list[BlockPlace] = []

    def at(place: BlockPlace) -> BlockRequest:
        places.append(place)
        return request("cat $PARSL_LIKE_BLOCK_FILES/name", files={"name": b"elsewhere"})

    job = session.submit(request("false", ports=(5000,), at=at, walltime=300))
    assert end_of(session, job).state is JobState.COMPLETED
    assert Path(session.output(job)[0] or "").read_text() == "elsewhere"
    (place,) = places
    assert place.routes == {}
    assert place.python == machine.channel.python
    assert place.directory == str(machine.home)
    assert place.folder is not None
    assert place.files == f"{place.folder}/{job}.files"
    assert Path(place.folder).parent == machine.home / ".parsl_like"


def test_output_of_a_block_that_runs_is_fetched_when_somebody_asks(machine: Machine, session: HostSession) -> None:
    job = session.submit(request("echo early; sleep 600"))
    until(lambda: [path for path in machine.there("*.out") if path.read_text()], "no output")
    assert Path(session.output(job)[0] or "").read_text() == "early\n"
    session.cancel([job])


# --- how blocks end


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_block_failed_and_nothing_of_it_is_left(
    number: signal.Signals, machine: Machine, session: HostSession
) -> None:
    """Only the first process is killed; what it had started has to be found and ended."""
    job = session.submit(request("sleep 600 & setsid sleep 600 & echo $! > child; wait", files={"key": b""}))
    child = int(until(lambda: (machine.home / "child").exists() and (machine.home / "child").read_text(), "no child"))
    os.kill(pid_of(machine), number)
    report = end_of(session, job)
    assert report.state is JobState.FAILED
    assert report.exit_code == (None if number is signal.SIGKILL else 143)
    until(lambda: not alive(child), "a child is left")
    assert not machine.there("*.files")


def test_a_block_that_does_not_heed_is_killed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.providers.host_session.KILL_AFTER_S", 0.3)
    session = machine.session()
    job = session.submit(request("trap '' TERM; echo up > up; while :; do sleep 1; done"))
    until((machine.home / "up").exists, "it does not begin")
    pid = pid_of(machine)
    assert session.cancel([job]) == {job: True}
    assert end_of(session, job).state is JobState.CANCELLED
    assert not alive(pid)
    session.close()


def test_the_second_request_kills(machine: Machine, session: HostSession) -> None:
    job = session.submit(request("trap '' TERM; echo up > up; while :; do sleep 1; done"))
    until((machine.home / "up").exists, "it does not begin")
    assert session.cancel([job]) == session.cancel([job]) == {job: True}
    assert end_of(session, job).state is JobState.CANCELLED


def test_what_a_command_leaves_behind_is_ended_and_does_not_change_how_it_ended(
    machine: Machine, session: HostSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parsl_like.providers.host_session.LEFT_BEHIND_S", 0.2)
    job = session.submit(request("(trap '' TERM; while :; do sleep 1; done) & exit 4"))
    report = end_of(session, job)
    assert (report.state, report.exit_code) == (JobState.FAILED, 4)


def test_closing_sees_to_the_end_of_what_was_cancelled_and_of_nothing_else(machine: Machine) -> None:
    session = machine.session()
    ended, other = session.submit(request("sleep 600")), session.submit(request("sleep 600"))
    session.cancel([ended])
    session.close()
    assert machine.line.closed == machine.line.opened == 1
    with closing(machine.session()) as later:
        reports = later.status([ended, other])
        assert reports[ended].state is JobState.CANCELLED
        assert reports[other].state is JobState.RUNNING
        later.cancel([other])


def test_a_machine_that_has_begun_anew_has_no_jobs(machine: Machine, session: HostSession) -> None:
    job = session.submit(request("sleep 600"))
    pid = pid_of(machine)
    (folder,) = machine.home.glob(".parsl_like/*")
    shutil.rmtree(folder)
    report = session.status([job])[job]
    os.killpg(pid, signal.SIGKILL)
    assert report.state is JobState.FAILED
    assert "there is nothing of it on far" in (report.message or "")


# --- a connection that fails


def test_a_block_outlives_the_connection_and_a_failure_to_answer_says_nothing(machine: Machine) -> None:
    session = machine.session()
    job = session.submit(request("sleep 600"))
    machine.line.cut = True
    for call in (session.status, session.cancel):
        with pytest.raises(
            ExecutionProviderException, match=r"far does not answer: .* the connection was lost"
        ) as caught:
            call([job])
        assert getattr(caught.value, "transient", False)
    assert session.output(job) == session.paths(job)
    machine.line.cut = False
    assert session.status([job])[job].state is JobState.RUNNING
    session.cancel([job])
    session.close()


def test_a_start_whose_answer_was_lost_is_found_to_run(machine: Machine, session: HostSession) -> None:
    machine.line.lose = "setsid"
    job = session.submit(request("sleep 600"))
    machine.line.lose = None
    assert session.status([job])[job].state is JobState.RUNNING
    session.cancel([job])


def test_a_start_that_was_lost_never_comes_to_be(machine: Machine, session: HostSession) -> None:
    machine.line.drop = "setsid"
    with pytest.raises(SubmitException, match="the connection was lost") as caught:
        session.submit(request("sleep 600"))
    assert caught.value.transient
    assert not machine.there("*.pid")
    assert [path.suffix for path in machine.there("*.withdrawn")] == [".withdrawn"]


def test_a_start_of_which_nothing_can_be_learned_is_ended_as_soon_as_that_can_be(machine: Machine) -> None:
    session = machine.session()
    machine.line.lose = "setsid"
    machine.line.drop = "withdrawn"
    with pytest.raises(SubmitException) as caught:
        session.submit(request("sleep 600", files={"key": b""}))
    assert caught.value.transient
    pid = pid_of(machine)
    assert alive(pid)
    machine.line.lose = machine.line.drop = None
    assert session.status([]) == {}
    until(lambda: not alive(pid), "it is still there")
    session.close()


def test_a_machine_that_lets_nobody_in(machine: Machine, session: HostSession) -> None:
    machine.line.refused = True
    with pytest.raises(SubmitException, match="no such user") as caught:
        session.submit(request("true"))
    assert not caught.value.transient


def test_closing_a_session_with_a_cut_line_says_what_may_be_left(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    session = machine.session()
    job = session.submit(request("sleep 600"))
    session.cancel([job])
    machine.line.cut = True
    session.close()
    assert f"whether {job} ended on far is not known" in caplog.text
    machine.line.cut = False
    with closing(machine.session()) as later:
        later.cancel([job])
        assert end_of(later, job).state is JobState.CANCELLED


# --- what is refused


def test_a_machine_without_what_is_needed_says_so(machine: Machine, session: HostSession) -> None:
    session.reach()
    (folder,) = machine.home.glob(".parsl_like/*")
    folder.rmdir()
    folder.write_text("in the way")
    with pytest.raises(SubmitException, match="exit code 71"):
        session.submit(request("true"))


def test_a_file_that_would_lead_out_is_refused(session: HostSession) -> None:
    with pytest.raises(ScriptPathError):
        session.submit(request("true", files={"../evil": b""}))


def test_which_channels_a_local_provider_takes(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="channel="):
        LocalProvider(channel=LocalChannel()).sealed()

    class Plain(MachineChannel):
        def open(self) -> Any:
            return LocalChannel().open()

    session = LocalProvider(channel=Plain()).sealed().open(one_shot_context(str(tmp_path)))
    with pytest.raises(SubmitException, match="Plain does not lead to a machine on which blocks can be started"):
        session.submit(request("true"))
    session.close()
    with pytest.raises(ConfigurationError, match=r"LocalProvider\.channel is"):
        LocalProvider(channel=Wordless()).sealed()


class Wordless(Channel):
    """A channel of a user's that says nothing of an interpreter."""


def test_a_script_can_be_shown_without_asking_the_machine(machine: Machine, session: HostSession) -> None:
    path, text = session.preview(request("echo hello", job_name="mine"))
    assert path == ".parsl_like/RUN/mine.block-7.sh"
    assert "echo hello" in text
    assert (machine.line.opened, machine.line.commands) == (0, [])
