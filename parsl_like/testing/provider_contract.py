"""What every provider promises, as tests to subclass."""

# ruff: noqa: S101 - tests are written with assert

from __future__ import annotations

import itertools
import pickle
import shlex
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from parsl_like.clocks import SystemClock
from parsl_like.core.ids import BlockId, ExecutorLabel, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.core.ports import BlockContext, BlockRequest, ProviderSession, RunInfo
from parsl_like.launchers.simple import SimpleLauncher
from parsl_like.providers.announcing import AnnouncingSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.providers.base import ExecutionProvider

LIVE = frozenset({JobState.PENDING, JobState.RUNNING})


class ProviderContract:
    """Subclass it and say how to make the provider; its tests submit real jobs, each of which takes a moment.

    Attributes:
        patience: Seconds in which a job must have reached what a test waits for.
    """

    patience: float = 60.0

    def make_provider(self, **options: object) -> ExecutionProvider:
        """The provider to be tested; a test adds options that all providers have."""
        raise NotImplementedError

    # --- ways and means ------------------------------------------------------------------------------------------

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Where scripts go; its name is one that a shell must not read."""
        folder = tmp_path / "sc ripts $(touch evil) ';'"
        folder.mkdir()
        return folder

    def session(self, folder: Path, **options: object) -> ProviderSession:
        """A session of its own on a folder."""
        run = RunInfo(run_id="contract", run_dir=str(folder), started=time.time())
        context = BlockContext(run, ExecutorLabel("contract"), str(folder), SystemClock())
        return self.make_provider(launcher=SimpleLauncher(), **options).sealed().open(context)

    _numbers = itertools.count()

    def request(self, command: str, **more: object) -> BlockRequest:
        """A block that runs a command."""
        return BlockRequest(BlockId(str(next(self._numbers))), command, **more)  # type: ignore[arg-type]

    def wait_for(
        self, session: ProviderSession, job: JobId, wanted: Callable[[JobReport | None], bool]
    ) -> JobReport | None:
        """Ask for a job until the answer is as wanted."""
        deadline, pause = time.monotonic() + self.patience, threading.Event()
        while not wanted(report := session.status([job]).get(job)):
            assert time.monotonic() < deadline, f"the last answer for {job} was {report}"
            pause.wait(0.02)
        return report

    def wait_for_end(self, session: ProviderSession, job: JobId) -> JobReport:
        """The first answer with a final state."""
        report = self.wait_for(session, job, lambda report: report is not None and report.state in TERMINAL_STATES)
        assert report is not None
        return report

    # --- sessions ------------------------------------------------------------------------------------------------

    def test_a_session_is_one(self, folder: Path) -> None:
        """It has what ``core.ports.ProviderSession`` asks for, and can be closed."""
        with closing(self.session(folder)) as session:
            assert isinstance(session, ProviderSession)

    def test_success(self, folder: Path) -> None:
        """A job that ends with 0 is COMPLETED."""
        with closing(self.session(folder)) as session:
            job = session.submit(self.request("true"))
            assert isinstance(job, str)
            assert self.wait_for_end(session, job).state is JobState.COMPLETED

    def test_failure(self, folder: Path) -> None:
        """A job that ends with another exit code is FAILED, with that code, and what it wrote can be read."""
        with closing(self.session(folder)) as session:
            job = session.submit(self.request("echo out; echo err >&2; exit 3"))
            report = self.wait_for_end(session, job)
            assert (report.state, report.exit_code) == (JobState.FAILED, 3)
            stdout, stderr = session.output(job)
            assert stdout is not None and "out" in Path(stdout).read_text()  # noqa: PT018
            assert stderr is not None and "err" in Path(stderr).read_text()  # noqa: PT018

    def test_worker_init_runs_first_and_its_exit_counts(self, folder: Path) -> None:
        """The command sees what ``worker_init`` set; where that exits, the command does not run."""
        with closing(self.session(folder, worker_init="greeting=hello")) as session:
            job = session.submit(self.request('test "$greeting" = hello'))
            assert self.wait_for_end(session, job).state is JobState.COMPLETED
        with closing(self.session(folder, worker_init="exit 5")) as session:
            job = session.submit(self.request("true"))
            report = self.wait_for_end(session, job)
            assert (report.state, report.exit_code) == (JobState.FAILED, 5)

    def test_a_final_answer_stays(self, folder: Path) -> None:
        """Also for another session, and when other jobs are asked for in between."""
        with closing(self.session(folder)) as session, closing(self.session(folder)) as other:
            failed, completed = session.submit(self.request("exit 4")), session.submit(self.request("true"))
            first = self.wait_for_end(session, failed)
            self.wait_for_end(session, completed)
            assert other.status([failed])[failed] == session.status([failed, completed])[failed] == first

    def test_cancel(self, folder: Path) -> None:
        """A job that runs is ended, and answers so."""
        with closing(self.session(folder)) as session:
            job = session.submit(self.request("sleep 600"))
            self.wait_for(session, job, lambda report: report is not None and report.state is JobState.RUNNING)
            assert session.cancel([job]) == {job: True}
            assert self.wait_for_end(session, job).state is JobState.CANCELLED

    def test_cancel_by_another_session(self, folder: Path) -> None:
        """Nothing that is needed for it was only remembered."""
        with closing(self.session(folder)) as session:
            job = session.submit(self.request("sleep 600"))
        with closing(self.session(folder)) as other:
            self.wait_for(other, job, lambda report: report is not None and report.state in LIVE)
            assert other.cancel([job]) == {job: True}
            assert self.wait_for_end(other, job).state is JobState.CANCELLED

    def test_jobs_it_knows_nothing_of(self, folder: Path) -> None:
        """They are absent from the answer and cannot be cancelled; that is not an error."""
        strange = [JobId("no-such-job"), JobId("999999999"), JobId("")]
        with closing(self.session(folder)) as session:
            assert session.status(strange) == {}
            assert not any(session.cancel(strange).values())
            assert session.output(strange[0]) == (None, None)
            assert session.status([]) == {}
            assert session.cancel([]) == {}

    def test_several_at_once_are_told_apart(self, folder: Path) -> None:
        """Each answers for itself, also with the same name."""
        with closing(self.session(folder)) as session:
            codes = {session.submit(self.request(f"exit {code}", job_name="same")): code for code in range(4)}
            assert len(codes) == 4
            assert {job: self.wait_for_end(session, job).exit_code for job in codes} == codes

    def test_closing_leaves_jobs_alone(self, folder: Path) -> None:
        """A job goes on without its session."""
        session = self.session(folder)
        job = session.submit(self.request("read -t 0.3 <> <(:); exit 6"))
        session.close()
        with closing(self.session(folder)) as other:
            assert self.wait_for_end(other, job).exit_code == 6

    def test_an_end_is_announced_if_announcements_are_promised(self, folder: Path) -> None:
        """Once it is told, the next answer has it; nothing is told after the session was closed."""
        session, told = self.session(folder), threading.Event()
        with closing(session):
            if not isinstance(session, AnnouncingSession) or not session.when_changed(told.set):
                pytest.skip("it promises none")
            job = session.submit(self.request("read -t 0.3 <> <(:); exit 6"))
            while session.status([job])[job].state not in TERMINAL_STATES:
                assert told.wait(self.patience), "it was not announced"
                told.clear()

    def test_files_are_private_and_arrive(self, folder: Path) -> None:
        """A block's own files are where the variable says, with mode 0600, whatever is in them."""
        content = bytes(range(256))
        command = 'cp "$PARSL_LIKE_BLOCK_FILES/a key" seen; stat -c %a "$PARSL_LIKE_BLOCK_FILES/a key" >&2; exit 0'
        with closing(self.session(folder)) as session:
            target = folder / "seen"
            job = session.submit(
                self.request(command.replace("seen", shlex.quote(str(target))), files={"a key": content})
            )
            assert self.wait_for_end(session, job).state is JobState.COMPLETED
            assert target.read_bytes() == content
            stderr = session.output(job)[1]
            assert stderr is not None
            assert "600" in Path(stderr).read_text()
        assert not list(folder.glob("**/evil"))

    # --- descriptions --------------------------------------------------------------------------------------------

    def test_it_is_a_value(self) -> None:
        """Two that were made alike are equal, also after pickling, and one can be sealed."""
        provider = self.make_provider()
        assert provider == self.make_provider() == pickle.loads(pickle.dumps(provider)) == provider.sealed()

    def test_its_limits(self) -> None:
        """They say what the description says."""
        limits = self.make_provider(init_blocks=2, min_blocks=1, max_blocks=5, nodes_per_block=1).limits()
        assert (limits.init, limits.minimum, limits.maximum, limits.nodes_per_block) == (2, 1, 5, 1)

    def test_calls_by_hand(self, folder: Path) -> None:
        """As Parsl's programs make them: ids and lists, nothing remembered in between."""
        provider = self.make_provider(launcher=SimpleLauncher())
        provider.script_dir = str(folder)
        job = provider.submit("sleep 600", 1, "by.hand")
        assert job
        assert provider.status([job])[0].state in LIVE
        assert provider.cancel([job]) == [True]
        deadline = time.monotonic() + self.patience
        while not (status := provider.status([job])[0]).terminal:
            assert time.monotonic() < deadline, status
        assert status.state is JobState.CANCELLED
