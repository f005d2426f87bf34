"""Blocks as real processes: how they end, what is left of them, and what another session knows of them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.core.ports import BlockContext, BlockRequest
from parsl_like.errors import BadLauncher, ScriptPathError, SubmitException
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import LocalProvider, local_session
from parsl_like.providers.announcing import AnnouncingSession
from parsl_like.providers.base import one_shot_context
from parsl_like.providers.local import parsl_like_open_provider, parsl_like_provider_types
from parsl_like.providers.local_session import LocalJob, LocalProviderSession
from parsl_like.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 60.0


def open_session(folder: Path, clock: Any = None, **options: Any) -> LocalProviderSession:
    context = one_shot_context(str(folder))
    if clock is not None:
        context = BlockContext(context.run, context.label, context.script_dir, clock)
    return LocalProvider(launcher=SimpleLauncher(), **options).sealed().open(context)


def request(command: str, **more: Any) -> BlockRequest:
    return BlockRequest(BlockId("7"), command, **more)


def wait_for_end(session: LocalProviderSession, job: JobId) -> JobReport:
    deadline = time.monotonic() + PATIENCE_S
    while (report := session.status([job])[job]).state not in TERMINAL_STATES:
        assert time.monotonic() < deadline
        local_session.wait_for_end(pid_of(job), 0.05)
    return report


def pid_of(job: JobId) -> int:
    parts = LocalJob.parse(job)
    assert parts is not None
    return parts.pid


def wait_for_line(path: Path, line: str) -> None:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not path.exists() or line not in path.read_text().splitlines():
        assert time.monotonic() < deadline
        pause.wait(0.01)


def output_of(folder: Path) -> Path:
    return next(folder.glob("*.out"))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[LocalProviderSession]:
    session = open_session(tmp_path)
    yield session
    session.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_block_failed_and_nothing_of_it_is_left(
    number: signal.Signals, session: LocalProviderSession, tmp_path: Path
) -> None:
    """Only the first process is killed; what it had started has to be found and ended."""
    job = session.submit(request("sleep 600 & setsid sleep 600 & echo up; wait"))
    wait_for_line(output_of(tmp_path), "up")
    os.kill(pid_of(job), number)
    report = wait_for_end(session, job)
    assert report.state is JobState.FAILED
    assert report.exit_code == (-9 if number is signal.SIGKILL else 143)
    assert report.message is not None
    assert str(next(tmp_path.glob("*.sh"))) in report.message
    if number is signal.SIGKILL:
        assert "ended by signal 9 (SIGKILL)" in report.message


def test_a_block_killed_while_nobody_looked_failed_too(tmp_path: Path) -> None:
    """The program that started it is gone, so nobody can learn its exit code."""
    starter = (
        "import sys\n"
        "from parsl_like.core.ids import BlockId\n"
        "from parsl_like.core.ports import BlockRequest\n"
        "from parsl_like.providers import LocalProvider\n"
        "from parsl_like.providers.base import one_shot_context\n"
        "session = LocalProvider().sealed().open(one_shot_context(sys.argv[1]))\n"
        "print(session.submit(BlockRequest(BlockId('0'), 'sleep 600')))\n"
    )
    command = [sys.executable, "-c", starter, str(tmp_path)]
    job = JobId(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip())
    session = open_session(tmp_path)
    assert session.status([job])[job].state is JobState.RUNNING
    os.killpg(pid_of(job), signal.SIGKILL)
    report = wait_for_end(session, job)
    assert (report.state, report.exit_code) == (JobState.FAILED, None)
    assert report.message is not None
    assert "without an exit code" in report.message


class TestAnnouncements:
    def test_an_end_is_announced_also_of_a_job_of_another_session(self, tmp_path: Path) -> None:
        told: SimpleQueue[None] = SimpleQueue()
        session, other = open_session(tmp_path), open_session(tmp_path)
        assert isinstance(session, AnnouncingSession)
        assert session.when_changed(lambda: told.put(None))
        theirs, own = other.submit(request("sleep 600")), session.submit(request("exit 3"))
        told.get(timeout=PATIENCE_S)
        assert session.status([own])[own].exit_code == 3
        assert session.status([theirs])[theirs].state is JobState.RUNNING
        os.killpg(pid_of(theirs), signal.SIGKILL)
        told.get(timeout=PATIENCE_S)
        assert session.status([theirs])[theirs].state is JobState.FAILED
        session.close()
        other.close()

    def test_where_the_system_cannot_tell(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(os, "pidfd_open")
        session = open_session(tmp_path)
        assert not session.when_changed(lambda: pytest.fail("it was announced"))
        job = session.submit(request("exit 3"))
        assert wait_for_end(session, job).exit_code == 3
        session.close()

    def test_without_descriptors_jobs_run_all_the_same(
        self, session: LocalProviderSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(pid: int) -> int:
            raise OSError(24, "Too many open files")

        assert session.when_changed(lambda: None)
        monkeypatch.setattr(os, "pidfd_open", refuse)
        job = session.submit(request("exit 3"))
        assert wait_for_end(session, job).exit_code == 3


def test_a_signal_without_a_name(session: LocalProviderSession) -> None:
    job = session.submit(request("echo up; sleep 600"))
    os.killpg(pid_of(job), signal.SIGRTMIN + 6)
    report = wait_for_end(session, job)
    assert (report.state, report.exit_code) == (JobState.FAILED, -(signal.SIGRTMIN + 6))
    assert report.message is not None
    assert report.message.endswith(f"was ended by signal {signal.SIGRTMIN + 6} (Real-time signal 6)")


def test_jobs_that_are_over_are_not_remembered(session: LocalProviderSession) -> None:
    job = session.submit(request("sleep 600"))
    session.cancel([job])
    wait_for_end(session, job)
    assert session._told == {}


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"f\xff")
    folder.mkdir()
    session = open_session(folder)
    job = session.submit(request('printf %s "$PARSL_LIKE_BLOCK_FILES"'))
    assert wait_for_end(session, job).exit_code == 0
    assert output_of(folder).read_bytes().startswith(os.fsencode(folder))


def test_no_zombie_is_left_by_asking(session: LocalProviderSession) -> None:
    job = session.submit(request("exit 3"))
    assert wait_for_end(session, job).exit_code == 3
    with pytest.raises(ProcessLookupError):
        os.kill(pid_of(job), 0)


def test_a_process_with_the_same_number_is_not_the_job(session: LocalProviderSession) -> None:
    job = session.submit(request("sleep 600"))
    parts = LocalJob.parse(job)
    assert parts is not None
    earlier = JobId(str(parts._replace(started="1")))
    assert session.status([earlier])[earlier].state is JobState.FAILED
    # Neither asking nor cancelling may touch the process that has the number now.
    assert session.cancel([earlier]) == {earlier: True}
    assert parts.facts() is not None
    session.cancel([job])
    wait_for_end(session, job)


def test_a_process_with_the_same_number_is_never_signalled(session: LocalProviderSession, tmp_path: Path) -> None:
    job = session.submit(request("exit 0"))
    wait_for_end(session, job)
    parts = LocalJob.parse(job)
    assert parts is not None
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        taken = JobId(str(parts._replace(pid=stranger.pid, started="1")))
        assert session.status([taken])[taken].state is JobState.COMPLETED
        session.cancel([taken])
        session.cancel([taken])
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


STUBBORN = "trap '' TERM; echo up; while :; do read -t 600 <> <(:); done"


def test_a_stubborn_block_is_killed_after_a_while(tmp_path: Path) -> None:
    clock = FakeClock(wall=time.time())
    session = open_session(tmp_path, clock)
    job = session.submit(request(STUBBORN))
    wait_for_line(output_of(tmp_path), "up")
    session.cancel([job])
    assert session.status([job])[job].state is JobState.RUNNING
    clock.advance(local_session.KILL_AFTER_S + 1)
    assert wait_for_end(session, job) == JobReport(
        JobState.CANCELLED, f"{next(tmp_path.glob('*.sh'))} was ended by signal 9 (SIGKILL)", -9
    )
    session.close()


def test_to_be_cancelled_twice_is_to_be_killed(session: LocalProviderSession, tmp_path: Path) -> None:
    job = session.submit(request(STUBBORN))
    wait_for_line(output_of(tmp_path), "up")
    session.cancel([job])
    session.cancel([job])
    assert wait_for_end(session, job).state is JobState.CANCELLED


def test_closing_sees_to_the_end_of_what_was_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_session, "KILL_AFTER_S", 0.2)
    session = open_session(tmp_path)
    job = session.submit(request(STUBBORN))
    wait_for_line(output_of(tmp_path), "up")
    session.cancel([job])
    session.close()
    assert open_session(tmp_path).status([job])[job].state is JobState.CANCELLED


def test_closing_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that the kernel holds cannot be ended by anybody."""
    monkeypatch.setattr(local_session, "KILL_AFTER_S", 0.1)
    monkeypatch.setattr(local_session, "LAST_WAIT_S", 0.1)
    monkeypatch.setattr(local_session, "_kill", lambda job, files: None)
    session = open_session(tmp_path)
    job = session.submit(request(STUBBORN))
    wait_for_line(output_of(tmp_path), "up")
    session.cancel([job])
    session.close()
    assert session.status([job])[job].state is JobState.RUNNING
    monkeypatch.undo()
    session.cancel([job])
    wait_for_end(session, job)


def test_what_a_block_leaves_behind_cannot_hold_it_up(tmp_path: Path) -> None:
    """The command is over, but its child ignores being told to end."""
    clock = FakeClock(wall=time.time())
    session = open_session(tmp_path, clock)
    job = session.submit(request("bash -c 'trap \"\" TERM; echo up; sleep 600; :' & read -t 0.3 <> <(:); exit 4"))
    wait_for_line(output_of(tmp_path), "up")
    exit_code = next(tmp_path.glob("*.ec"))
    wait_for_line(exit_code, "4")
    assert session.status([job])[job].state is JobState.RUNNING
    clock.advance(local_session.KILL_AFTER_S + 1)
    assert wait_for_end(session, job).exit_code == 4


def test_walltime_of_the_request(session: LocalProviderSession) -> None:
    job = session.submit(request("sleep 600", walltime=0.2))
    report = wait_for_end(session, job)
    assert (report.state, report.exit_code) == (JobState.TIMEOUT, 143)


def test_the_blocks_environment(tmp_path: Path) -> None:
    session = open_session(tmp_path, cores_per_node=3, mem_per_node=1.5)
    job = session.submit(request('echo "$PARSL_CORES $PARSL_MEMORY_GB"; pwd -P', files={"key": b"k"}))
    wait_for_end(session, job)
    assert output_of(tmp_path).read_text().splitlines() == ["3 1.5", os.path.realpath(os.getcwd())]
    assert not list(tmp_path.glob("**/key"))  # keys go when the block is over


def test_where_the_program_has_no_directory_any_more(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    session = open_session(scripts)
    job = session.submit(request("pwd -P"))
    assert wait_for_end(session, job).state is JobState.COMPLETED
    assert output_of(scripts).read_text().strip() == str(scripts.resolve())


def test_standard_input_is_empty_and_broken_pipes_are_a_shells(session: LocalProviderSession, tmp_path: Path) -> None:
    job = session.submit(request("cat; yes | head -n 1; echo ${PIPESTATUS[0]}"))
    wait_for_end(session, job)
    assert output_of(tmp_path).read_text() == "y\n141\n"


def test_a_launcher_that_raises_starts_nothing(tmp_path: Path) -> None:
    def broken(command: str, tasks: int, nodes: int) -> str:
        raise OSError("no allocation")

    session = LocalProvider(launcher=broken).sealed().open(one_shot_context(str(tmp_path)))
    with pytest.raises(BadLauncher, match="no allocation"):
        session.submit(request("true"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ScriptPathError):
        open_session(tmp_path / "file").submit(request("true"))


def test_a_job_whose_files_were_removed_is_known_to_whoever_started_it(tmp_path: Path) -> None:
    session = open_session(tmp_path / "scripts")
    job = session.submit(request("echo up; sleep 600"))
    wait_for_line(output_of(tmp_path / "scripts"), "up")
    shutil.rmtree(tmp_path / "scripts")
    assert session.status([job])[job].state is JobState.RUNNING
    assert open_session(tmp_path / "scripts").status([job]) == {}
    assert session.cancel([job])[job]
    report = wait_for_end(session, job)
    assert report.state is JobState.FAILED
    assert "somebody has removed its files" in str(report.message)
    session.close()


def test_a_clock_that_is_set_does_not_shorten_what_a_job_has_left(tmp_path: Path) -> None:
    clock = FakeClock()
    session = open_session(tmp_path, clock)
    job = session.submit(request("trap 'echo told' TERM; echo ready; while :; do read -t 600 <> <(:); done"))
    wait_for_line(output_of(tmp_path), "ready")
    session.cancel([job])
    wait_for_line(output_of(tmp_path), "told")
    clock.set_wall(clock.wall() + 3600)
    assert session.status([job])[job].state is JobState.RUNNING
    os.kill(pid_of(job), 0)
    clock.advance(local_session.KILL_AFTER_S + 0.1)
    wait_for_end(session, job)
    session.close()


def test_a_machine_without_bash(session: LocalProviderSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SubmitException, match="need bash") as caught:
        session.submit(request("true"))
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("error", "transient"),
    [(BlockingIOError(11, "Resource temporarily unavailable"), True), (OSError(8, "format"), False)],
)
def test_a_machine_without_room_for_a_process(
    error: OSError, transient: bool, session: LocalProviderSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> int:
        raise error

    monkeypatch.setattr(os, "posix_spawn", refuse)
    with pytest.raises(SubmitException, match="cannot start") as caught:
        session.submit(request("true"))
    assert caught.value.transient is transient


def test_a_full_disk_does_not_keep_a_block_alive(
    session: LocalProviderSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    job = session.submit(request("sleep 600"))
    monkeypatch.setattr(local_session, "write_private", refuse)
    assert session.cancel([job]) == {job: True}
    report = wait_for_end(session, job)
    assert report.state in TERMINAL_STATES


@pytest.mark.parametrize("text", ["", "x", "12", "12@3", "12@3/", "x@3/a", "12@3/../a", "12@3/a/b", "-1@3/a"])
def test_ids_of_nobody(text: str) -> None:
    assert LocalJob.parse(text) is None


def test_ids_say_all_that_has_to_be_known() -> None:
    job = LocalJob(12, "345", "a.block-0.1")
    assert LocalJob.parse(str(job)) == job


def test_the_door_of_plugins(tmp_path: Path) -> None:
    class Foreign(LocalProvider):
        def cancel(self, job_ids: Any) -> list[bool]:
            return super().cancel(job_ids)

    context = one_shot_context(str(tmp_path))
    assert parsl_like_provider_types() == {"LocalProvider": LocalProvider}
    assert isinstance(parsl_like_open_provider(LocalProvider(), context), LocalProviderSession)
    assert parsl_like_open_provider(Foreign(), context) is None


def test_how_long_a_manager_may_take_to_connect() -> None:
    assert LocalProvider().connect_timeout == 60.0
    assert LocalProvider(worker_init="conda activate x").connect_timeout == 600.0
