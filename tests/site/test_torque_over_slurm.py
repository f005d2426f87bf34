"""The provider for Torque with Torque's commands as Debian has them for Slurm: real jobs, real words of qstat."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from parsl_like.config import Config
from parsl_like.executors import HighThroughputExecutor
from parsl_like.launchers import SimpleLauncher, SrunLauncher
from parsl_like.providers import TorqueProvider
from parsl_like.testing.contracts import ProviderContract
from tests.faults import processes
from tests.faults.apps import let_go, note, ran_in
from tests.site.apps import where

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.site.conftest import Measure
    from tests.site.slurm import Slurm
    from tests.site.system import System

WAIT = 240


@pytest.fixture(scope="module")
def commands(slurm_system: System) -> dict[str, str]:
    return slurm_system.environment("torque")


@pytest.fixture
def torque(slurm: Slurm, commands: dict[str, str]) -> Slurm:
    """The Slurm, with Torque's commands in front of everybody's."""
    os.environ |= commands
    return slurm


@pytest.mark.usefixtures("torque")
class TestTorqueProvider(ProviderContract):
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Of a plain name: this qsub hands it to a shell as it is."""
        return tmp_path

    def make_provider(self, **options: object) -> TorqueProvider:
        return TorqueProvider(**options)


@pytest.fixture
def load(torque: Slurm, tmp_path: Path) -> Iterator[Any]:
    del torque  # has to be there, and to be asked after the kernel is gone
    loaded = []

    def load(**options: Any) -> Any:
        provider = TorqueProvider(**{"init_blocks": 1, "max_blocks": 1, "launcher": SimpleLauncher(), **options})
        executor = HighThroughputExecutor(
            label="htex", max_workers_per_node=2, cores_per_worker=0.01, provider=provider
        )
        loaded.append(parsl_like.load(Config([executor], run_dir=str(tmp_path / "runinfo"))))
        return loaded[-1]

    yield load
    for kernel in loaded:
        kernel.cleanup()
        parsl_like.clear()


def test_tasks_run_on_the_nodes_of_a_block(load: Any, torque: Slurm, measure: Measure) -> None:
    began = time.time()
    kernel = load(nodes_per_block=2, launcher=SrunLauncher())
    results = [future.result(WAIT) for future in [where(0.2, number) for number in range(40)]]
    measure.since("40 tasks of 0.2 s on two nodes", began)
    assert [number for number, _, _ in results] == list(range(40))
    assert {node for _, _, node in results} == {"n1", "n2"}
    assert len({job for _, job, _ in results}) == len(torque.jobs()) == 1
    assert kernel.summary().retries == {}


def test_a_block_is_cancelled_by_somebody_else(load: Any, torque: Slurm, tmp_path: Path, measure: Measure) -> None:
    kernel = load()
    paths = [tmp_path / str(number) for number in range(4)]
    futures = [note(str(path)) for path in paths]
    processes.until(lambda: sum(path.exists() for path in paths) == 2, WAIT, "tasks that run")
    job = torque.the_running_job()
    torque.ask("qdel", job.id)
    torque.until(lambda: job.id not in {other.id for other in torque.live()}, "its end")
    deleted = time.time()
    let_go(*paths)
    assert [future.result(WAIT) for future in futures] == [ran_in(path)[-1] for path in paths]
    measure.since("qdel, to the results of the block's tasks", deleted, 60)
    assert kernel.summary().retries == {}
    assert len(torque.jobs()) == 2
