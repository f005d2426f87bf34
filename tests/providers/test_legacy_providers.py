"""Providers that users wrote for Parsl are called as they are written."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import JobReport, JobState
from parsl_like.core.ports import BlockRequest, ProviderSession
from parsl_like.errors import SubmitException
from parsl_like.providers import ExecutionProvider, LocalProvider
from parsl_like.providers.base import one_shot_context
from parsl_like.providers.legacy import LegacyProviderSession, parsl_like_open_provider
from parsl_like.providers.provider_base import JobStatus
from parsl_like.testing.stub_provider import StubProvider, StubProviderSession

if TYPE_CHECKING:
    from pathlib import Path


class Cluster(ExecutionProvider):
    """As Parsl's manual asks for it, with a state of its own."""

    def __init__(self) -> None:
        self.jobs: dict[int, str] = {}
        self.count = 0
        self.answers: list[JobStatus | None] | None = None

    @property
    def label(self) -> str:
        return "my-cluster"

    @property
    def status_polling_interval(self) -> int:
        return 11

    def submit(self, command: str, tasks_per_node: int, job_name: str = "parsl.auto") -> int | None:
        self.count += 1
        self.jobs[self.count] = f"{job_name}: {command} x {tasks_per_node}"
        return self.count

    def status(self, job_ids: list[Any]) -> list[JobStatus | None]:
        if self.answers is not None:
            return self.answers
        assert all(type(job) is int for job in job_ids)
        return [JobStatus(JobState.RUNNING, "on n1", None, "/out", "/err") for _ in job_ids]

    def cancel(self, job_ids: list[Any]) -> list[bool]:
        return [self.jobs.pop(job, None) is not None for job in job_ids]


@pytest.fixture
def provider() -> Cluster:
    return Cluster()


@pytest.fixture
def session(provider: Cluster, tmp_path: Path) -> ProviderSession:
    session = parsl_like_open_provider(provider.sealed(), one_shot_context(str(tmp_path)))
    assert isinstance(session, LegacyProviderSession)
    assert isinstance(session, ProviderSession)
    return session


def test_its_methods_are_called_with_its_own_ids(session: ProviderSession, provider: Cluster, tmp_path: Path) -> None:
    job = session.submit(BlockRequest(BlockId("0"), "run", 2, "name"))
    assert job == "1"
    assert provider.jobs == {1: "name: run x 2"}
    assert provider.script_dir == str(tmp_path)
    assert session.output(job) == (None, None)
    assert session.status([job]) == {job: JobReport(JobState.RUNNING, "on n1")}
    assert session.output(job) == ("/out", "/err")
    assert session.cancel([job]) == {job: True}
    assert session.cancel([job]) == {job: False}
    session.close()


def test_a_job_it_was_not_heard_of_is_passed_on(session: ProviderSession, provider: Cluster) -> None:
    provider.answers = [None]
    assert session.status([JobId("77")]) == {}


@pytest.mark.parametrize("answers", [[], [None, None]])
def test_what_it_does_not_say_is_not_seen(
    answers: list[JobStatus | None], session: ProviderSession, provider: Cluster
) -> None:
    jobs = [session.submit(BlockRequest(BlockId(str(n)), "run")) for n in range(2)]
    provider.answers = answers
    assert session.status(jobs) == {}


def test_any_object_with_a_state_will_do(session: ProviderSession, provider: Cluster) -> None:
    job = session.submit(BlockRequest(BlockId("0"), "run"))
    provider.answers = [SimpleNamespace(state=5)]
    assert session.status([job]) == {job: JobReport(JobState.FAILED)}
    assert session.output(job) == (None, None)


def test_no_job_id_is_a_refusal(session: ProviderSession, provider: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "submit", lambda *args: None)
    with pytest.raises(SubmitException, match="gave no job id") as caught:
        session.submit(BlockRequest(BlockId("0"), "run"))
    assert caught.value.transient


def test_the_blocks_own_files_are_there_for_its_command(session: ProviderSession, provider: Cluster) -> None:
    session.submit(BlockRequest(BlockId("0"), 'cat "$PARSL_LIKE_BLOCK_FILES/key"', files={"key": b"secret"}))
    command = provider.jobs[1].removeprefix("parsl_like.auto: ").removesuffix(" x 1")
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60)
    assert result.stdout == b"secret"


def test_they_go_when_the_block_is_over(session: ProviderSession, provider: Cluster, tmp_path: Path) -> None:
    job = session.submit(BlockRequest(BlockId("0"), "run", files={"key": b"secret"}))
    session.status([job])
    assert len(list(tmp_path.glob("**/key"))) == 1
    provider.answers = [JobStatus(JobState.COMPLETED)]
    session.status([job])
    session.status([job])
    assert list(tmp_path.glob("**/key")) == []


def test_they_go_when_the_block_is_refused(
    session: ProviderSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Cluster, "submit", lambda *args: None)
    with pytest.raises(SubmitException):
        session.submit(BlockRequest(BlockId("0"), "run", files={"key": b"secret"}))
    assert list(tmp_path.glob("**/key")) == []


def test_a_folder_of_the_users_own_is_respected(provider: Cluster, tmp_path: Path) -> None:
    provider.script_dir = "mine"
    LegacyProviderSession(provider, one_shot_context(str(tmp_path)))
    assert provider.script_dir == "mine"


def test_a_class_that_adds_to_one_of_ours(tmp_path: Path) -> None:
    class Counting(LocalProvider):
        def submit(self, command: str, tasks_per_node: int, job_name: str = "x") -> str | None:
            self.submissions = getattr(self, "submissions", 0) + 1
            return super().submit(f"{command}; exit 3", tasks_per_node, job_name)

    provider = Counting()
    session = parsl_like_open_provider(provider, one_shot_context(str(tmp_path)))
    assert session is not None
    job = session.submit(BlockRequest(BlockId("0"), "true"))
    while (report := session.status([job]).get(job)) is None or report.state is JobState.RUNNING:
        pass
    assert (provider.submissions, report.exit_code) == (1, 3)
    assert str(session.output(job)[1]).startswith(str(tmp_path))


def test_whose_sessions_it_opens(tmp_path: Path) -> None:
    class WithOpen(StubProvider):
        pass

    context = one_shot_context(str(tmp_path))
    assert parsl_like_open_provider(LocalProvider(), context) is None
    assert parsl_like_open_provider(ExecutionProvider(), context) is None
    assert parsl_like_open_provider(object(), context) is None
    assert isinstance(parsl_like_open_provider(WithOpen(), context), StubProviderSession)
