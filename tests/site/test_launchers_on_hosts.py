"""Launchers with the programs that they are for: Open MPI, MPICH and GNU parallel over hosts with sshd."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.core.ids import BlockId, JobId
from parsl_like.core.job_states import TERMINAL_STATES, JobReport, JobState
from parsl_like.core.ports import BlockRequest
from parsl_like.errors import BadStateException
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import GnuParallelLauncher, MpiExecLauncher, MpiRunLauncher
from parsl_like.launchers.starting import LIMIT_CODE
from parsl_like.providers import LocalProvider
from parsl_like.providers.base import one_shot_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.site.system import System

PATIENCE_S = 180.0
STARTERS = ("openmpi", "mpich")
MPI = [MpiExecLauncher, MpiRunLauncher]

WHO = 'echo "$HOSTNAME ${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-}} ${OMPI_COMM_WORLD_SIZE:-${PMI_SIZE:-}}" >> who'


class Hosts:
    """The hosts h1 to h3.

    Args:
        system: What has brought them up.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        facts = system.environment()
        self.head = facts["HOSTS_HEAD"]
        self.rsh = facts["HOSTS_RSH"]

    def node_file(self, path: Path, *names: str) -> str:
        """A file that names hosts as PBS does."""
        path.write_text("".join(f"{name}\n" * 2 for name in names))
        return str(path)


@pytest.fixture(scope="module")
def hosts(bring_up: Callable[..., System]) -> Hosts:
    system = bring_up("hosts")
    system("programs")
    return Hosts(system)


@pytest.fixture(params=STARTERS)
def starter(request: pytest.FixtureRequest, hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An MPI library whose mpiexec and mpirun come first on the path, in a job of PBS on all hosts."""
    name: str = request.param
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("mpiexec", "mpirun"):
        # No link: MPICH looks for its other programs beside the name by which it was called.
        (programs / program).write_text(f'#!/bin/sh\nexec {shutil.which(f"{program}.{name}")} "$@"\n')
        (programs / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    for variable, value in {
        "HYDRA_LAUNCHER": "ssh",
        "HYDRA_LAUNCHER_EXEC": hosts.rsh,
        "OMPI_MCA_plm_rsh_agent": hosts.rsh,
        "OMPI_MCA_orte_tmpdir_base": str(tmp_path),  # it leaves a folder there when it is told twice to end
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PBS_NODEFILE": hosts.node_file(tmp_path / "nodes", "h1", "h2", "h3"),
    }.items():
        monkeypatch.setenv(variable, value)
    return name


def block(provider: LocalProvider, command: str, tasks_per_node: int, folder: Path) -> tuple[JobReport, str, str]:
    """How a block ended, and what it wrote."""
    session = provider.sealed().open(one_shot_context(str(folder / "scripts")))
    try:
        job = session.submit(BlockRequest(BlockId("0"), command, tasks_per_node))
        report = ended(session, job)
        stdout, stderr = (Path(path).read_text() if path else "" for path in session.output(job))
        return report, stdout, stderr
    finally:
        session.cancel([job])
        session.close()


def ended(session: Any, job: JobId) -> JobReport:
    deadline = time.monotonic() + PATIENCE_S
    while (report := session.status([job])[job]).state not in TERMINAL_STATES:
        assert time.monotonic() < deadline, f"the block has not ended: {report}"
        time.sleep(0.05)
    return report


def running(word: str) -> list[int]:
    """Processes, on any host, with a word in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.encode() in each for each in words) and path.parent.name != str(os.getpid()):
            found.append(int(path.parent.name))
    return found


def wait_until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


# --- how many, and where


@pytest.mark.parametrize("kind", MPI)
def test_each_host_runs_exactly_the_copies_it_shall(kind: Any, starter: str, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    report, stdout, stderr = block(LocalProvider(nodes_per_block=3, launcher=kind()), WHO, 2, tmp_path)
    assert report.state is JobState.COMPLETED, (starter, report, stdout, stderr)
    who = [line.split() for line in (tmp_path / "who").read_text().splitlines()]
    assert Counter(host for host, _, _ in who) == {"h1": 2, "h2": 2, "h3": 2}
    assert sorted(int(rank) for _, rank, _ in who) == [0, 1, 2, 3, 4, 5]
    assert {size for _, _, size in who} == {"6"}


@pytest.mark.usefixtures("starter")
def test_a_smaller_block_has_the_first_hosts_of_the_job(tmp_path: Path) -> None:
    os.chdir(tmp_path)
    report, *_ = block(LocalProvider(nodes_per_block=2, launcher=MpiExecLauncher()), WHO, 1, tmp_path)
    assert report.state is JobState.COMPLETED
    assert sorted(line.split()[0] for line in (tmp_path / "who").read_text().splitlines()) == ["h1", "h2"]


@pytest.mark.usefixtures("starter")
def test_hosts_of_the_users_own(hosts: Hosts, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    mine = hosts.node_file(tmp_path / "mine", "h3")
    launcher = MpiExecLauncher(overrides=f"--hostfile {mine}")
    report, *_ = block(LocalProvider(nodes_per_block=1, launcher=launcher), WHO, 2, tmp_path)
    assert report.state is JobState.COMPLETED
    assert [line.split()[0] for line in (tmp_path / "who").read_text().splitlines()] == ["h3", "h3"]


def test_gnu_parallel_starts_as_many_on_each_host(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARALLEL_SSH", hosts.rsh)
    monkeypatch.setenv("PBS_NODEFILE", hosts.node_file(tmp_path / "nodes", "h1", "h2"))
    os.chdir(tmp_path)
    awkward = f"{WHO}; printf '%s\\n' {shlex.quote(AWKWARD)} > \"said.$$\"; sleep 0.3"
    provider = LocalProvider(nodes_per_block=2, launcher=GnuParallelLauncher())
    report, stdout, stderr = block(provider, awkward, 2, tmp_path)
    assert report.state is JobState.COMPLETED, (report, stdout, stderr)
    who = [line.split()[0] for line in (tmp_path / "who").read_text().splitlines()]
    assert Counter(who) == {"h1": 2, "h2": 2}
    assert {path.read_text() for path in tmp_path.glob("said.*")} == {f"{AWKWARD}\n"}
    report, *_ = block(provider, "[ $HOSTNAME = h1 ] || exit 7", 2, tmp_path)
    assert (report.state, report.exit_code) == (JobState.FAILED, 7)


AWKWARD = "a 'b' \"c\" $HOME `d` \\e;f\n&& * g"


# --- how it ends


@pytest.mark.parametrize("end", ["exit 7", "kill -KILL $$"])
@pytest.mark.usefixtures("starter")
def test_a_rank_that_fails_fails_the_block(end: str, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    command = f'[ "${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}" = 1 ] || exit 0; {end}'
    report, *_ = block(LocalProvider(nodes_per_block=2, launcher=MpiExecLauncher()), command, 1, tmp_path)
    assert report.state is JobState.FAILED
    assert report.exit_code != 0


def test_a_starter_that_hangs_on_a_host_that_is_cut_off_is_ended(starter: str, hosts: Hosts, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    mark = f"sleep-{os.getpid()}-{starter}"
    provider = LocalProvider(nodes_per_block=3, launcher=MpiExecLauncher(start_timeout=4))
    hosts.system("cut", "h2")
    try:
        report, _, stderr = block(provider, f"exec -a {mark} sleep 1000", 1, tmp_path)
        assert (report.state, report.exit_code) == (JobState.FAILED, LIMIT_CODE), stderr
        assert "of 3 copies after 4 s; it is ended" in stderr
        assert "the nodes are: h1 h2 h3." in stderr
        wait_until(lambda: not running(mark), "copies go on")
        wait_until(lambda: not running(str(tmp_path)), "the starter has left something behind")
    finally:
        hosts.system("join", "h2")


@pytest.mark.parametrize("starter", ["openmpi"], indirect=True)
@pytest.mark.usefixtures("starter")
def test_too_many_copies_for_the_job_are_refused_in_the_starters_words(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chdir(tmp_path)
    monkeypatch.setenv("PBS_NODEFILE", hosts.node_file(tmp_path / "one", "h1"))
    report, _, stderr = block(LocalProvider(nodes_per_block=2, launcher=MpiExecLauncher()), WHO, 1, tmp_path)
    assert report.state is JobState.FAILED
    assert "not enough slots" in stderr
    assert not (tmp_path / "who").exists()


# --- a whole run


def host() -> str:
    import os
    import time

    time.sleep(0.1)
    return os.uname().nodename


def run_on(launcher: Any, nodes: int, hosts: Hosts, **options: Any) -> HighThroughputExecutor:
    # With a worker_init managers have ten minutes to connect: the machine may have much else to do.
    provider = LocalProvider(nodes_per_block=nodes, launcher=launcher, worker_init="true")
    executor = HighThroughputExecutor("ht", provider, address=hosts.head, max_workers_per_node=1, **options)
    executor.transport = "tcp"
    return executor


@pytest.mark.usefixtures("starter")
def test_a_block_has_one_manager_on_each_host(hosts: Hosts) -> None:
    app = parsl_like.python_app(host)
    with parsl_like.load(Config([run_on(MpiExecLauncher(), 2, hosts)])) as kernel:
        seen: set[str] = set()
        deadline = time.monotonic() + PATIENCE_S
        while seen != {"h1", "h2"} and time.monotonic() < deadline:
            seen |= {future.result(timeout=PATIENCE_S) for future in [app() for _ in range(8)]}
        managers = kernel.config.executors[0].connected_managers()  # type: ignore[index, union-attr]
        of_this_run = kernel.run_dir
        pids = running(of_this_run)
    assert seen == {"h1", "h2"}
    assert Counter(manager["hostname"] for manager in managers) == {"h1": 1, "h2": 1}
    assert pids
    wait_until(lambda: not running(of_this_run), "managers go on after the run")


@pytest.mark.parametrize("starter", ["mpich"], indirect=True)
@pytest.mark.usefixtures("starter")
def test_the_reason_reaches_every_task(hosts: Hosts) -> None:
    app = parsl_like.python_app(host)
    hosts.system("cut", "h1")
    try:
        said = "mpiexec had started 0 of 1 copies after 2 s"
        config = Config([run_on(MpiExecLauncher(start_timeout=2), 1, hosts)])
        with parsl_like.load(config), pytest.raises(BadStateException, match=said) as caught:
            app().result(timeout=PATIENCE_S)
    finally:
        hosts.system("join", "h1")
    assert "the nodes are: h1." in str(caught.value)
