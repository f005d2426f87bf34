"""Executors, providers and launchers without a kernel, as programs start them by hand."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.core.job_states import JobState
from parsl_like.errors import ConfigurationError, InvalidResourceSpecification
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.launchers.base import Launcher
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration

WAIT = 60


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # a job of another process announces nothing to whoever asks by hand


def test_a_provider_starts_asks_and_ends(tmp_path: Path) -> None:
    provider = LocalProvider()
    provider.script_dir = str(tmp_path)
    job = provider.submit(f"echo said; touch {tmp_path}/begun; sleep 1000", 1)
    until((tmp_path / "begun").exists)
    (status,) = provider.status([job])
    assert (status.state, status.status_name, status.terminal) == (JobState.RUNNING, "RUNNING", False)
    assert status.stdout == "said\n"
    assert provider.cancel([job]) == [True]
    until(lambda: provider.status([job])[0].terminal)
    assert provider.status([job])[0].state is JobState.CANCELLED
    short = provider.submit("exit 3", 1, job_name="short")
    until(lambda: provider.status([short])[0].terminal)
    (status,) = provider.status([short])
    assert (status.state, status.exit_code) == (JobState.FAILED, 3)
    assert provider.status(["nonsense"])[0].state is JobState.UNKNOWN


@pytest.mark.parametrize("kind", ["threads", "htex"])
def test_an_executor_starts_runs_and_ends(tmp_path: Path, kind: str) -> None:
    executor: Any = (
        ThreadPoolExecutor(label="mine", max_threads=2)
        if kind == "threads"
        else HighThroughputExecutor(
            label="mine", max_workers_per_node=1, cores_per_worker=0.1, provider=LocalProvider()
        )
    )
    executor.run_dir = str(tmp_path)
    executor.start()
    assert executor.submit(divmod, {}, 7, 2).result(WAIT) == (3, 1)
    assert executor.submit(dict, {"priority": 2}, a=1).result(WAIT) == {"a": 1}
    for wrong in ({"cores": 1}, {"priority": "high"}, {"priority": None}, {"priority": True}):
        with pytest.raises(InvalidResourceSpecification, match="mine"):
            executor.submit(divmod, wrong, 7, 2)
    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, {}, 7, 0).result(WAIT)
    executor.shutdown()
    assert (tmp_path / "mine" / "interchange.log").exists() == (kind == "htex")


def test_blocks_are_asked_for_by_hand_and_told_of(tmp_path: Path) -> None:
    provider = LocalProvider(init_blocks=0, min_blocks=0, max_blocks=3)
    executor = HighThroughputExecutor(label="mine", max_workers_per_node=1, cores_per_worker=0.1, provider=provider)
    assert (executor.outstanding(), executor.connected_workers, executor.status_facade) == (0, 0, {})
    executor.run_dir = str(tmp_path)
    executor.start()
    try:
        future = executor.submit(os.getpid, {})
        until(lambda: (executor.outstanding, len(executor.tasks)) == (1, 1))
        assert executor.connected_blocks() == []
        assert executor.scale_out_facade(2) == ["0", "1"]
        assert future.result(WAIT) != os.getpid()
        until(lambda: executor.connected_workers() == 2)
        assert sorted(executor.connected_blocks()) == ["0", "1"]
        assert {block: status.state for block, status in executor.status_facade.items()} == {
            "0": JobState.RUNNING,
            "1": JobState.RUNNING,
        }
        assert all("msgspec" in packages for packages in executor.connected_managers_packages().values())
        assert executor.outstanding == 0
        (first, _) = sorted(executor.connected_managers, key=lambda manager: manager["block_id"])
        executor.hold_worker(first["manager"])
        until(lambda: executor.connected_blocks() == ["1"])
        assert executor.scale_in_facade(1) == ["1"]
        executor.set_bad_state_and_fail_all(RuntimeError("enough"))
        until(lambda: executor.bad_state_is_set)
        assert str(executor.executor_exception) == "enough"
        with pytest.raises(RuntimeError, match="enough"):
            executor.submit(os.getpid, {}).result(WAIT)
    finally:
        executor.shutdown()
    assert executor.outstanding() == 0


def test_what_is_assigned_before_the_run_counts_and_later_is_refused(tmp_path: Path) -> None:
    executor = HighThroughputExecutor()
    executor.label, executor.max_workers, executor.cores_per_worker = "mine", 3, 0.1
    executor.provider = LocalProvider()
    executor.provider.worker_init = "export GIVEN=yes"
    config = Config(executors=[executor])
    config.run_dir = str(tmp_path / "runs")
    with parsl_like.load(config) as kernel:
        assert kernel.submit(os.getenv, ["GIVEN"]).result(WAIT) == "yes"
        assert executor.connected_workers() == kernel.executors["mine"].connected_workers == 3
        assert kernel.executors["mine"].status_facade["0"].state is JobState.RUNNING
        assert kernel.executors["mine"].provider.worker_init == "export GIVEN=yes"
        assert executor.run_dir == kernel.run_dir
        with pytest.raises(ConfigurationError, match="cannot be changed while a run uses executor 'mine'"):
            executor.max_workers_per_node = 5
    executor.max_workers_per_node = 5
    assert executor.max_workers == 5


def test_a_launcher_of_the_users_own(tmp_path: Path) -> None:
    class Marking(Launcher):
        def __call__(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
            return f"export MARK={tasks_per_node}-{nodes_per_block}\n{command}"

    provider = LocalProvider(launcher=Marking())
    executor = HighThroughputExecutor(label="mine", max_workers_per_node=1, cores_per_worker=0.1, provider=provider)
    with parsl_like.load(Config(executors=[executor], run_dir=str(tmp_path / "runs"))) as kernel:
        assert kernel.submit(os.getenv, ["MARK"]).result(WAIT) == "1-1"
