"""Jobs of a batch system on another machine, whose files are not this machine's."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.core.ports import BlockRequest
from parsl_like.errors import ExecutionProviderException, SubmitException
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import GridEngineProvider, PBSProProvider, SlurmProvider, TorqueProvider
from parsl_like.providers.base import one_shot_context
from parsl_like.testing.contracts import ProviderContract
from tests.fakes.fixtures import *  # noqa: F403
from tests.providers.machines import Line, MachineChannel

if TYPE_CHECKING:
    from parsl_like.core.job_states import JobReport
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.batch_session import BatchSession
    from tests.fakes.fixtures import MakeCluster

PROVIDERS: dict[str, Any] = {
    "slurm": SlurmProvider,
    "pbspro": PBSProProvider,
    "torque": TorqueProvider,
    "grid_engine": GridEngineProvider,
}


class ContractElsewhere(ProviderContract):
    """All that a provider promises, with a login node that shares nothing with this machine."""

    flavour = ""

    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, make_cluster: MakeCluster) -> Path:
        make_cluster(self.flavour)
        self.machine = tmp_path / "home"
        self.machine.mkdir()
        return self.machine

    def make_provider(self, **options: object) -> ExecutionProvider:
        provider = PROVIDERS[self.flavour]
        return provider(channel=MachineChannel(str(self.machine)), cmd_timeout=10, **options)  # type: ignore[no-any-return]


class TestSlurmElsewhere(ContractElsewhere):
    flavour = "slurm"


class TestTorqueElsewhere(ContractElsewhere):
    flavour = "torque"


# --- beyond the contract


class Site:
    """A login node with a Slurm."""

    def __init__(self, folder: Path) -> None:
        self.home, self.here = folder / "home", folder / "here"
        self.home.mkdir()
        self.channel = MachineChannel(str(self.home))

    @property
    def line(self) -> Line:
        return self.channel.line

    def session(self, **options: Any) -> BatchSession:
        provider = SlurmProvider(channel=self.channel, launcher=SimpleLauncher(), cmd_timeout=10, **options)
        return provider.sealed().open(one_shot_context(str(self.here)))

    def there(self, pattern: str) -> list[Path]:
        return sorted(self.home.glob(f".parsl_like/*/{pattern}"))


@pytest.fixture
def site(tmp_path: Path, make_cluster: MakeCluster) -> Site:
    make_cluster("slurm")
    return Site(tmp_path)


def request(command: str, **more: Any) -> BlockRequest:
    return BlockRequest(BlockId("0"), command, **more)


def end_of(session: BatchSession, job: JobId) -> JobReport:
    contract = ProviderContract()
    return contract.wait_for_end(session, job)


def test_scripts_are_there_keys_are_nowhere_else_and_output_comes_back(site: Site) -> None:
    with closing(site.session()) as session:
        job = session.submit(request("pwd; echo err >&2; exit 3", files={"key": b"secret"}))
        report = end_of(session, job)
        assert (report.state, report.exit_code) == (JobState.FAILED, 3)
        stdout, stderr = (Path(path or "").read_text() for path in session.output(job))
        assert (stdout, stderr) == (f"{site.home}\n", "err\n")
        (script,) = site.there("*.sh")
        assert Path(session.script(job) or "").read_bytes() == script.read_bytes()
    assert not list(site.here.glob("*.files"))
    assert not site.there("*.files")
    assert "secret" not in site.line.text()


def test_one_command_fetches_what_all_jobs_have_left(site: Site) -> None:
    with closing(site.session()) as session:
        jobs = [session.submit(request(f"exit {code}")) for code in range(4)]
        for job in jobs:
            ProviderContract().wait_for(session, job, lambda report: report is not None)
        while not all(report.state in TERMINAL_STATES for report in session.status(jobs).values()):
            pass
        assert [session.status(jobs)[job].exit_code for job in jobs] == [0, 1, 2, 3]


def test_another_session_knows_the_jobs(site: Site) -> None:
    with closing(site.session()) as session:
        job = session.submit(request("exit 5"))
    with closing(site.session()) as other:
        assert end_of(other, job).exit_code == 5


def test_a_job_that_is_not_wanted_leaves_no_keys(site: Site) -> None:
    with closing(site.session(partition="nowhere")) as session, pytest.raises(SubmitException) as caught:
        session.submit(request("true", files={"key": b"secret"}))
    assert not caught.value.transient
    assert site.there("*.sh")
    assert not site.there("*.files")


def test_a_cut_line_is_no_end(site: Site) -> None:
    with closing(site.session()) as session:
        job = session.submit(request("sleep 600"))
        site.line.cut = True
        with pytest.raises(ExecutionProviderException, match="the connection was lost"):
            session.status([job])
        with pytest.raises(SubmitException, match="the connection was lost") as caught:
            session.submit(request("true"))
        assert caught.value.transient
        site.line.cut = False
        assert session.status([job])[job].state in (JobState.PENDING, JobState.RUNNING)
        session.cancel([job])
        assert end_of(session, job).state is JobState.CANCELLED


def test_an_end_is_told_only_with_what_the_files_say(site: Site) -> None:
    with closing(site.session()) as session:
        job = session.submit(request("exit 6"))
        site.line.drop = "kinds="  # files cannot be fetched, while the batch system answers
        contract = ProviderContract()
        report = contract.wait_for(session, job, lambda report: report is not None and report.state is JobState.UNKNOWN)
        assert report is not None
        assert "its files could not be fetched" in (report.message or "")
        site.line.drop = None
        assert end_of(session, job).exit_code == 6


def test_what_would_be_submitted_is_shown_without_asking_the_machine(site: Site) -> None:
    with closing(site.session()) as session:
        rendered = session.render(request("true"))
    assert rendered.paths.script.startswith(".parsl_like/RUN/")
    assert not site.line.commands


def test_the_batch_system_judges_a_script_that_was_sent_and_is_removed(site: Site) -> None:
    with closing(site.session()) as session:
        assert session.judge(request("true")).exit_code == 0
    assert not list((site.home / ".parsl_like").iterdir())
    assert not [path for path in site.here.iterdir() if path.suffix == ".sh"]


def test_of_a_job_that_is_over_nothing_stays_if_that_is_wanted(site: Site) -> None:
    with closing(site.session()) as session:
        assert session.judge(request("true")).exit_code == 0
        job = session.submit(request("true"))  # in the same folder, which is made again
        assert end_of(session, job).state is JobState.COMPLETED
        assert site.there("*.sh")
        session.remove(job)
    assert not list((site.home / ".parsl_like").iterdir())


def test_output_of_a_job_that_runs_is_fetched_when_somebody_asks(site: Site, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    with closing(site.session()) as session:
        job = session.submit(request(f"echo early; touch {sign}; sleep 600"))
        ProviderContract().wait_for(session, job, lambda _: sign.exists())
        assert Path(session.output(job)[0] or "").read_text() == "early\n"
        session.cancel([job])
        end_of(session, job)


def test_a_place_of_the_channels_own(site: Site, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    site.channel.script_dir = str(scratch)
    with closing(site.session()) as session:
        end_of(session, session.submit(request("true")))
    assert [path.suffix for path in scratch.glob("*/*.sh")] == [".sh"]
    assert os.stat(next(scratch.iterdir())).st_mode & 0o777 == 0o700
