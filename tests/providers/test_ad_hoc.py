"""One block on each of some hosts, of which any may fail without the others."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.channels import Channel, LocalChannel
from parsl_like.channels.errors import AuthException, lost_connection
from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.core.ports import BlockRequest
from parsl_like.errors import ConfigurationError, ExecutionProviderException, SubmitException
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import AdHocProvider
from parsl_like.providers.base import ExecutionProvider, one_shot_context
from parsl_like.testing.contracts import ProviderContract
from tests.providers.machines import Line, MachineChannel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from parsl_like.providers.ad_hoc.session import AdHocSession

PATIENCE_S = 60.0


class TestContract(ProviderContract):
    """All that a provider promises; with as many hosts as a test of it has blocks at once."""

    @pytest.fixture(autouse=True)
    def homes(self, tmp_path: Path) -> None:
        self.channels = []
        for number in range(4):
            home = tmp_path / f"home {number}"
            home.mkdir()
            self.channels.append(MachineChannel(str(home), f"h{number}"))

    def make_provider(self, **options: object) -> ExecutionProvider:
        options = {name: value for name, value in options.items() if name not in ("init_blocks", "max_blocks")}
        return AdHocProvider(tuple(self.channels), **options)  # type: ignore[arg-type]

    def test_its_limits(self) -> None:
        """As many blocks as hosts, whatever else is said."""
        limits = self.make_provider(init_blocks=2, min_blocks=1, max_blocks=5).limits()
        assert (limits.init, limits.minimum, limits.maximum, limits.nodes_per_block) == (4, 1, 4, 1)


class Hosts:
    """Some hosts."""

    def __init__(self, folder: Path, count: int) -> None:
        self.here = folder / "here"
        self.channels = []
        for number in range(1, count + 1):
            home = folder / f"h{number}"
            home.mkdir()
            self.channels.append(MachineChannel(str(home), f"h{number}"))

    def line(self, number: int) -> Line:
        return self.channels[number - 1].line

    def session(self, *more: Channel, **options: Any) -> AdHocSession:
        provider = AdHocProvider([*self.channels, *more], launcher=SimpleLauncher(), **options).sealed()
        return provider.open(one_shot_context(str(self.here)))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.providers.host_session.LOOK_AGAIN_S", 0.0)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    hosts = Hosts(tmp_path, 2)
    yield hosts
    for number in (1, 2):
        hosts.line(number).cut = hosts.line(number).refused = False
    with closing(hosts.session()) as session:
        jobs = [JobId(f"h{number}/{path.stem}") for path in hosts.here.glob("*.sh") for number in (1, 2)]
        session.cancel(jobs)
        session.cancel(jobs)
        until(lambda: all(report.state in TERMINAL_STATES for report in session.status(jobs).values()), "jobs are left")


def request(number: int, command: str = "sleep 600") -> BlockRequest:
    return BlockRequest(BlockId(str(number)), command)


def until(holds: Any, what: str) -> Any:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not (value := holds()):
        assert time.monotonic() < deadline, what
        pause.wait(0.02)
    return value


def states(session: AdHocSession, *jobs: JobId) -> list[JobState | None]:
    reports = session.status(jobs)
    return [reports[job].state if job in reports else None for job in jobs]


def end_of(session: AdHocSession, job: JobId) -> JobReport:
    def ended() -> JobReport | None:
        report = session.status([job])[job]
        return report if report.state in TERMINAL_STATES else None

    return until(ended, "the job has not ended")


# --- which host


def test_each_host_gets_one_block(hosts: Hosts) -> None:
    with closing(hosts.session()) as session:
        jobs = [session.submit(request(number)) for number in range(2)]
        assert sorted(job.split("/")[0] for job in jobs) == ["h1", "h2"]
        assert states(session, *jobs) == [JobState.RUNNING] * 2
        with pytest.raises(
            SubmitException, match=r"no host takes it. h1: it has a block; h2: it has a block"
        ) as caught:
            session.submit(request(2))
        assert caught.value.transient
        session.cancel(jobs[:1])
        assert end_of(session, jobs[0]).state is JobState.CANCELLED
        assert session.submit(request(3)).split("/")[0] == jobs[0].split("/")[0]


def test_a_host_that_cannot_be_reached_does_not_keep_blocks_from_the_others(
    hosts: Hosts, caplog: pytest.LogCaptureFixture
) -> None:
    hosts.line(1).cut = True
    with closing(hosts.session()) as session:
        assert session.submit(request(0)).startswith("h2/")
        with pytest.raises(SubmitException, match=r"h1: .*the connection was lost; h2: it has a block") as caught:
            session.submit(request(1))
        assert caught.value.transient
    assert caplog.text.count("host h1 cannot be used") == 1


def test_a_host_that_hangs_does_not_hold_up_the_others(hosts: Hosts) -> None:
    release = threading.Event()
    hosts.line(1).cut, hosts.line(1).wait = True, lambda: release.wait(PATIENCE_S)
    session = hosts.session()
    began = time.monotonic()
    job = session.submit(request(0))
    assert job.startswith("h2/")
    assert states(session, job) == [JobState.RUNNING]
    assert time.monotonic() - began < PATIENCE_S / 2
    release.set()
    session.close()


def test_a_host_is_tried_again_when_it_may_be_back(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.providers.ad_hoc.host.AGAIN_S", 0.0)
    hosts.line(1).cut = hosts.line(2).cut = True
    with closing(hosts.session()) as session:
        with pytest.raises(SubmitException):
            session.submit(request(0))
        hosts.line(1).cut = False
        assert session.submit(request(1)).startswith("h1/")


def test_a_host_that_refuses_is_left_alone_and_all_that_refuse_are_no_passing_trouble(hosts: Hosts) -> None:
    hosts.line(1).refused = hosts.line(2).refused = True
    with closing(hosts.session()) as session:
        for _ in range(3):
            with pytest.raises(SubmitException, match=r"h1: .*no such user; h2: .*no such user") as caught:
                session.submit(request(0))
            assert not caught.value.transient
        assert (hosts.line(1).opened, hosts.line(2).opened) == (1, 1)


def test_a_block_here_counts_as_one_of_a_host(hosts: Hosts) -> None:
    with closing(hosts.session(LocalChannel())) as session:
        jobs = [session.submit(request(number)) for number in range(3)]
        assert sorted(job.split("/")[0] for job in jobs) == ["h1", "h2", "localhost"]
        assert states(session, *jobs) == [JobState.RUNNING] * 3
        (here,) = [job for job in jobs if job.startswith("localhost/")]
        assert session.output(here)[0] is not None
        assert session.script(here) is None
        assert session.cancel([here]) == {here: True}
        assert end_of(session, here).state is JobState.CANCELLED


def test_hosts_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    channels = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        channels.append(MachineChannel(str(tmp_path / str(number)), "same"))
    provider = AdHocProvider(channels, launcher=SimpleLauncher()).sealed()
    with closing(provider.open(one_shot_context(str(tmp_path / "here")))) as session:
        jobs = [session.submit(request(number, "true")) for number in range(2)]
        assert sorted(job.split("/")[0] for job in jobs) == ["same", "same#2"]
        assert [end_of(session, job).state for job in jobs] == [JobState.COMPLETED] * 2
    assert [len(list((tmp_path / str(number)).glob(".parsl_like/*/*.sh"))) for number in range(2)] == [1, 1]


# --- a host that is lost


def test_a_host_that_is_cut_off_says_nothing_of_its_job(hosts: Hosts) -> None:
    with closing(hosts.session()) as session:
        jobs = sorted(session.submit(request(number)) for number in range(2))
        hosts.line(1).cut = True
        reports = session.status(jobs)
        assert reports[jobs[0]].state is JobState.UNKNOWN
        assert "h1" in (reports[jobs[0]].message or "")
        assert reports[jobs[1]].state is JobState.RUNNING
        hosts.line(1).cut = False
        until(lambda: states(session, *jobs) == [JobState.RUNNING] * 2, "it is not heard of again")


def test_a_job_on_a_lost_host_that_was_told_to_end_is_not_seen_any_more(hosts: Hosts) -> None:
    with closing(hosts.session()) as session:
        jobs = sorted(session.submit(request(number)) for number in range(2))
        hosts.line(1).cut = True
        assert session.cancel(jobs) == {jobs[0]: False, jobs[1]: True}
        until(lambda: states(session, *jobs) == [None, JobState.CANCELLED], "the other one does not end")


def test_a_block_that_nobody_wants_is_ended_before_the_next_one_begins(hosts: Hosts) -> None:
    with closing(hosts.session()) as session:
        jobs = sorted(session.submit(request(number)) for number in range(2))
        hosts.line(1).cut = True
        with pytest.raises(ExecutionProviderException, match=r"no host answers. h1: "):
            session.cancel(jobs[:1])
        with pytest.raises(SubmitException):
            session.submit(request(2))
        hosts.line(1).cut = False
        session._hosts["h1"]._since = float("-inf")
        third = session.submit(request(3))
        assert third.startswith("h1/")
        assert end_of(session, jobs[0]).state is JobState.CANCELLED
        assert states(session, third) == [JobState.RUNNING]


def test_if_no_host_answers_nothing_is_known(hosts: Hosts) -> None:
    with closing(hosts.session()) as session:
        jobs = [session.submit(request(number)) for number in range(2)]
        hosts.line(1).cut = hosts.line(2).cut = True
        for call in (session.status, session.cancel):
            with pytest.raises(ExecutionProviderException, match=r"no host answers. .*h1: .*") as caught:
                call(jobs)
            assert getattr(caught.value, "transient", False)
        assert all(path is not None for job in jobs for path in session.output(job))


def test_an_answer_that_comes_late_is_used(hosts: Hosts) -> None:
    with closing(hosts.session()) as session:
        jobs = sorted(session.submit(request(number)) for number in range(2))
        release = threading.Event()
        asked: list[int] = []
        hosts.line(1).cut, hosts.line(1).wait = True, lambda: (asked.append(1), release.wait(PATIENCE_S))
        assert states(session, *jobs) == [JobState.UNKNOWN, JobState.RUNNING]
        assert states(session, *jobs) == [JobState.UNKNOWN, JobState.RUNNING]
        assert len(asked) == 1, "it is not asked again while it has not answered"
        hosts.line(1).cut = False
        release.set()
        until(lambda: states(session, *jobs) == [JobState.RUNNING] * 2, "it is not asked again")


def test_closing_names_the_hosts_where_something_may_be_left(hosts: Hosts, caplog: pytest.LogCaptureFixture) -> None:
    session = hosts.session()
    jobs = sorted(session.submit(request(number)) for number in range(2))
    hosts.line(1).cut = True
    session.cancel(jobs)
    until(lambda: states(session, *jobs) == [None, JobState.CANCELLED], "the other one does not end")
    session.close()
    assert "host h1 could not be told of the end: h1 does not answer: " in caplog.text
    (folder,) = (hosts.here.parent / "h1").glob(".parsl_like/*")
    left = f"What may be left there: {jobs[0].removeprefix('h1/')}, until it misses the program and ends by itself"
    assert f"{left}, and files, keys among them, in {folder}." in caplog.text
    assert "host h2 could not" not in caplog.text
    assert hosts.line(1).closed == hosts.line(1).opened == 1


def test_closing_waits_for_no_host_that_hangs(hosts: Hosts, caplog: pytest.LogCaptureFixture) -> None:
    session = hosts.session()
    (job,) = [job for job in [session.submit(request(number)) for number in range(2)] if job.startswith("h1/")]
    hanging, release = threading.Event(), threading.Event()
    hosts.line(1).cut, hosts.line(1).wait = True, lambda: (hanging.set(), release.wait(PATIENCE_S))
    with pytest.raises(ExecutionProviderException, match="h1: it has not answered yet") as caught:
        session.cancel([job])
    lost = lost_connection(caught.value)
    assert lost is not None
    assert "it has not answered for 3 s" in str(lost)
    assert lost.transient
    assert hanging.is_set()
    session.close()
    assert not release.is_set()
    assert "host h1 could not be told of the end: it does not answer." in caplog.text
    release.set()
    hosts.line(1).wait = lambda: None
    until(lambda: hosts.line(1).closed == hosts.line(1).opened, "its session is not closed in the end")


def test_what_has_closed_the_way_to_all_hosts_is_the_cause(hosts: Hosts) -> None:
    with closing(hosts.session()) as session:
        jobs = [session.submit(request(number)) for number in range(2)]
        hosts.line(1).refused = hosts.line(2).refused = True
        with pytest.raises(ExecutionProviderException) as caught:
            session.status(jobs)
        assert isinstance(lost_connection(caught.value), AuthException)
        hosts.line(2).refused, hosts.line(2).cut = False, True
        with pytest.raises(ExecutionProviderException) as caught:
            session.status(jobs)
        lost = lost_connection(caught.value)
        assert lost is not None
        assert lost.transient, "one of them may come back"


def test_another_session_knows_which_hosts_have_blocks(hosts: Hosts) -> None:
    with closing(hosts.session()) as session:
        job = session.submit(request(0))
    with closing(hosts.session()) as other:
        assert states(other, job) == [JobState.RUNNING]
        assert other.submit(request(1)).split("/")[0] != job.split("/")[0]


# --- the description


def test_channels_have_to_lead_to_where_blocks_can_be_started() -> None:
    class Wordless(Channel):
        pass

    for channels in ([Wordless()], ["h1"], [None]):
        with pytest.raises(ConfigurationError, match=r"AdHocProvider\.channels"):
            AdHocProvider(channels).sealed()  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"AdHocProvider\.channel is"):
        AdHocProvider([MachineChannel()], channel=MachineChannel()).sealed()


def test_without_hosts_there_is_nothing_to_open(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a channel to each host"):
        AdHocProvider().sealed().open(one_shot_context(str(tmp_path)))
