"""Whole programs whose blocks run on machines that share no files with this one."""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.channels.errors import AuthException, BadHostKeyException, ChannelError, SSHException
from parsl_like.errors import BadStateException
from parsl_like.executors.high_throughput.broker import package_root
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import AdHocProvider, LocalProvider
from tests.channels.pipes import PipeChannel, PipeSession, PipeWire
from tests.providers.machines import MachineChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel

pytestmark = pytest.mark.integration

WAIT = 90.0


@python_app
def where(seconds: float = 0.0) -> tuple[str, int]:
    """The folder in which the worker runs, and its process."""
    import os
    import time

    time.sleep(seconds)
    return os.getcwd(), os.getpid()


@pytest.fixture
def machines(tmp_path: Path) -> list[MachineChannel]:
    channels = []
    for number in (1, 2):
        home = tmp_path / f"h{number}"
        home.mkdir()
        channels.append(MachineChannel(str(home), f"h{number}"))
    return channels


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    loaded: list[DataFlowKernel] = []

    def make(provider: Any, **options: Any) -> DataFlowKernel:
        htex = HighThroughputExecutor(
            label="htex",
            provider=provider,
            max_workers_per_node=1,
            cores_per_worker=0.01,
            address="127.0.0.1",
            heartbeat_period=1,
            heartbeat_threshold=5,
            **options,
        )
        loaded.append(parsl_like.load(Config([htex], run_dir=str(tmp_path / "runinfo"), strategy_period=0.5)))
        return loaded[-1]

    yield make
    for kernel in loaded:
        kernel.cleanup()
        parsl_like.clear()


OPTIONS: dict[str, Any] = {
    "launcher": SimpleLauncher(),
    "worker_init": f"export PYTHONPATH={package_root()} PYTHONWARNINGS=ignore",
}


def left_on(machine: MachineChannel) -> list[str]:
    """Processes that were started for a machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes()
        except OSError:
            continue
        if f"PARSL_LIKE_BLOCK_FILES={machine.home}/".encode() in environment:
            found.append(path.parent.name)
    return found


def test_a_block_on_another_machine_works_and_leaves_nothing_but_its_logs(
    load: Callable[..., DataFlowKernel], machines: list[MachineChannel]
) -> None:
    machine, home = machines[0], Path(machines[0].home)
    kernel = load(LocalProvider(channel=machine, **OPTIONS))
    assert {future.result(WAIT)[0] for future in [where() for _ in range(20)]} == {machine.home}
    (key,) = home.glob(".parsl_like/*/*.files/manager.key")
    assert key.stat().st_mode & 0o777 == 0o600
    run_dir = Path(kernel.run_dir)
    assert not list(run_dir.glob("submit_scripts/*.files"))
    kernel.cleanup()
    assert not left_on(machine)
    assert not list(home.glob(".parsl_like/*/*.files"))
    assert [path.name for path in home.glob(".parsl_like/*/logs/htex/block-0/*/manager.log")] == ["manager.log"]
    assert not list(run_dir.glob("htex/block-*")), "logs are where the block ran"


def test_each_host_of_an_ad_hoc_provider_works(
    load: Callable[..., DataFlowKernel], machines: list[MachineChannel]
) -> None:
    kernel = load(AdHocProvider(machines, **OPTIONS))
    seen: set[str] = set()
    deadline = time.monotonic() + WAIT
    while len(seen) < 2:
        assert time.monotonic() < deadline, seen
        seen |= {future.result(WAIT)[0] for future in [where(0.2) for _ in range(4)]}
    assert seen == {machine.home for machine in machines}
    kernel.cleanup()
    assert not [pid for machine in machines for pid in left_on(machine)]


def test_a_host_whose_line_is_cut_works_on(load: Callable[..., DataFlowKernel], machines: list[MachineChannel]) -> None:
    """Only the shell's connection is lost; managers have another one."""
    kernel = load(AdHocProvider(machines[:1], **OPTIONS))
    before = where().result(WAIT)
    machines[0].line.cut = True
    results = [future.result(WAIT) for future in [where(0.1) for _ in range(40)]]
    assert set(results) == {before}, "the same worker"
    assert kernel.summary().retries == {}
    assert kernel.summary().losses == 0
    machines[0].line.cut = False


def test_if_no_host_lets_anybody_in_every_task_says_so(
    load: Callable[..., DataFlowKernel], machines: list[MachineChannel]
) -> None:
    for machine in machines:
        machine.line.refused = True
    load(AdHocProvider(machines, **OPTIONS))
    with pytest.raises(BadStateException, match=r"h1: .*no such user"):
        where().result(WAIT)


@dataclasses.dataclass
class LosableChannel(PipeChannel):
    """Its sessions' connections are there until a test has them end, and are made again until a test forbids it."""

    FORBIDDEN: ClassVar[list[ChannelError]] = []
    SESSIONS: ClassVar[list[PipeSession]] = []

    hostname: str = "far"
    python: str = sys.executable
    tunnel: bool = True

    def open(self) -> PipeSession:
        self.SESSIONS.append(LosableSession())
        return self.SESSIONS[-1]

    @classmethod
    def lose(cls, for_good: ChannelError) -> None:
        cls.FORBIDDEN.append(for_good)
        for session in cls.SESSIONS:
            for wire in session.wires:
                wire.lose()


class LosableSession(PipeSession):
    def _open_wire(self, line: str, deadline: float) -> PipeWire:
        for error in LosableChannel.FORBIDDEN:
            raise error
        return super()._open_wire(line, deadline)


@pytest.mark.parametrize(
    "lost",
    [
        AuthException("no such user", "far"),
        BadHostKeyException("it is another machine", "far"),
        SSHException("no route to host", "far", transient=True),
    ],
    ids=lambda lost: type(lost).__name__,
)
def test_tasks_fail_with_the_reason_when_a_connection_is_lost_for_good(
    load: Callable[..., DataFlowKernel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: ChannelError
) -> None:
    """The workers' traffic goes through it, so the block is lost as well; what runs there ends by itself."""
    monkeypatch.setattr("parsl_like.jobs.outage.FIRST_PAUSE_REFUSED_S", 0.2)
    monkeypatch.setattr("parsl_like.jobs.outage.CLOSED_FOR_S", 2.0)
    monkeypatch.setattr(LosableChannel, "FORBIDDEN", [])
    monkeypatch.setattr(LosableChannel, "SESSIONS", [])
    channel = LosableChannel()
    channel.script_dir = str(tmp_path / "there")
    kernel = load(LocalProvider(channel=channel, **OPTIONS))
    _, process = where().result(WAIT)
    LosableChannel.lose(lost)
    with pytest.raises(BadStateException, match=f"no block works, and none can be had: .*far: {lost.reason}") as caught:
        where().result(WAIT)
    assert caught.value.__cause__ is lost
    assert kernel.status()["blocks"]["htex"]["failed"]
    kernel.cleanup()
    until(lambda: not Path(f"/proc/{process}").exists(), "the worker there has not ended")


def until(holds: Callable[[], object], what: str) -> None:
    deadline, pause = time.monotonic() + WAIT, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, what
        pause.wait(0.05)


def test_a_machine_without_the_package_says_so(
    load: Callable[..., DataFlowKernel], machines: list[MachineChannel]
) -> None:
    """What the block wrote there is in the error here."""
    home = machines[0].home
    load(LocalProvider(channel=MachineChannel(home, "h1", python="no-such-python"), launcher=SimpleLauncher()))
    with pytest.raises(BadStateException, match="no-such-python: command not found"):
        where().result(WAIT)


def test_a_users_own_command_finds_its_options_there(
    load: Callable[..., DataFlowKernel], machines: list[MachineChannel]
) -> None:
    """It hands none of its arguments on, and its keys and options are in the block's own files."""
    command = (
        "env -u NOTHING python3 -m parsl_like.executors.high_throughput.process_worker_pool --cert_dir {cert_dir} #"
    )
    python = os.path.dirname(machines[0].python)
    init = f"{OPTIONS['worker_init']}; export PATH={python}:$PATH"
    load(LocalProvider(channel=machines[0], launcher=SimpleLauncher(), worker_init=init), launch_cmd=command)
    assert where().result(WAIT)[0] == machines[0].home
