"""Whole programs over two blocks of each batch system, and what becomes of them when the driver is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import parsl_like
from examples import source_census
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.jobs import ledger, patience
from parsl_like.launchers import SimpleLauncher
from parsl_like.providers import (
    CobaltProvider,
    CondorProvider,
    GridEngineProvider,
    LSFProvider,
    PBSProProvider,
    SlurmProvider,
    TorqueProvider,
)
from tests.fakes.fixtures import *  # noqa: F403
from tests.fakes.fixtures import FLAVOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.dataflow.dflow import DataFlowKernel
    from tests.fakes.cluster.simulated import SimulatedCluster
    from tests.fakes.fixtures import MakeCluster

pytestmark = pytest.mark.integration

WAIT = 90.0
DRIVER = Path(__file__).parent / "scripts" / "batch_driver.py"
SUBMIT = {
    **{"slurm": "sbatch", "pbspro": "qsub", "torque": "qsub", "grid_engine": "qsub"},
    **{"lsf": "bsub", "cobalt": "qsub", "condor": "condor_submit"},
}
CANCEL = {
    **{"slurm": "scancel", "pbspro": "qdel", "torque": "qdel", "grid_engine": "qdel"},
    **{"lsf": "bkill", "cobalt": "qdel", "condor": "condor_rm"},
}
PROVIDERS = {
    "slurm": SlurmProvider,
    "pbspro": PBSProProvider,
    "torque": TorqueProvider,
    "grid_engine": GridEngineProvider,
    "lsf": LSFProvider,
    "cobalt": CobaltProvider,
    "condor": CondorProvider,
}
VARIABLE = {
    **{"slurm": "SLURM_JOB_ID", "pbspro": "PBS_JOBID", "torque": "PBS_JOBID", "grid_engine": "JOB_ID"},
    **{"lsf": "LSB_JOBID", "cobalt": "COBALT_JOBID", "condor": "_CONDOR_SCRATCH_DIR"},
}
WHOLE_NODE = {
    "slurm": {"exclusive": True},
    "pbspro": {"cpus_per_node": 2},
    "torque": {"cores_per_node": 2},
    "grid_engine": {"scheduler_options": "#$ -pe smp 2"},
    "lsf": {"nodes_per_block": 1},
    "cobalt": {"nodes_per_block": 1},
    "condor": {"cores_per_slot": 2},
}
"""By which a block takes all of a node, so that another one has to wait."""
SOURCES = {
    "alpha/__init__.py": "import beta.deep\n",
    "alpha/parts.py": "def f(x):\n    if x:\n        return 1\n    return 2\n",
    "beta/deep/__init__.py": "import alpha.parts\n",
    "broken/bad.py": "def f(:\n",
    "plain.py": "from alpha import parts\n",
}


def config(flavour: str, run_dir: Path, *, blocks: int = 2, workers: int = 1, **options: Any) -> Config:
    provider = PROVIDERS[flavour](
        **{
            "launcher": SimpleLauncher(),
            "init_blocks": blocks,
            "min_blocks": 0,
            "max_blocks": blocks,
            "walltime": "00:10:00",
            "cmd_timeout": 5,
            "worker_init": "export PYTHONWARNINGS=ignore",
            **options,
        }
    )
    htex = HighThroughputExecutor(
        label="htex",
        provider=provider,
        max_workers_per_node=workers,
        cores_per_worker=0.01,
        heartbeat_period=1,
        heartbeat_threshold=5,
    )
    return Config(executors=[htex], run_dir=str(run_dir), strategy_period=0.5)


@pytest.fixture(scope="session", autouse=True)
def pyzmq_thread() -> None:
    """pyzmq starts a thread of the process for the first large part that is lent to a socket; it is nobody's leak."""
    import zmq

    with zmq.Context() as context, context.socket(zmq.PAIR) as there, context.socket(zmq.PAIR) as here:
        there.bind("inproc://lent")
        here.connect("inproc://lent")
        here.send(bytes(1_000_000), copy=False)
        there.recv()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch systems are asked more often than a real one would like."""
    monkeypatch.setattr("parsl_like.providers.batch.BatchProvider.status_polling_interval", 0.2)


@pytest.fixture
def load(often: None, make_cluster: MakeCluster, tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    """Loads a kernel, which is cleaned up after the test and before the cluster ends."""
    loaded: list[DataFlowKernel] = []

    def make(cluster: SimulatedCluster, **options: Any) -> DataFlowKernel:
        loaded.append(parsl_like.load(config(cluster.flavour, tmp_path / "runinfo", **options)))
        return loaded[-1]

    yield make
    for kernel in loaded:
        kernel.cleanup()
        parsl_like.clear()


@python_app
def job_of(variable: str, folder: str, count: int) -> str:
    """Waits until so many tasks run at once, and gives the id of the job that this one runs in."""
    import os
    import time
    import uuid

    open(os.path.join(folder, uuid.uuid4().hex), "w").close()
    deadline = time.monotonic() + 60
    while len(os.listdir(folder)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    return os.environ[variable]


@python_app
def add(x: int, y: int) -> int:
    return x + y


def number_of(job: str) -> str:
    """A job's number, from its id or from its own folder."""
    return job.removesuffix("/tmp").rpartition("/")[2].partition(".")[0]


# --- the census


def test_census(cluster: SimulatedCluster, often: None, tmp_path: Path) -> None:
    root, out, plain = (tmp_path / name for name in ("the 'sources'", "out", "plain"))
    for name, content in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    try:
        found = source_census.run_with_engine(root, out, config(cluster.flavour, tmp_path / "runinfo"))
    finally:
        parsl_like.clear()
    assert json.dumps(found, sort_keys=True) == json.dumps(source_census.run_plain(root, plain), sort_keys=True)
    assert len(cluster.submissions()) == 2
    assert cluster.live() == []
    assert [job.stragglers for job in cluster.jobs()] == [0, 0]


def test_tasks_run_in_both_blocks(
    cluster: SimulatedCluster, load: Callable[..., DataFlowKernel], tmp_path: Path
) -> None:
    load(cluster)
    (tmp_path / "meeting").mkdir()
    futures = [job_of(VARIABLE[cluster.flavour], str(tmp_path / "meeting"), 2) for _ in range(2)]
    jobs = {number_of(future.result(WAIT)) for future in futures}
    assert jobs == {"1", "2"}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.slow
def test_blocks_end_at_their_walltime_and_tasks_go_on(
    flavour: str, make_cluster: MakeCluster, load: Callable[..., DataFlowKernel]
) -> None:
    """A stream of tasks outlives several blocks; none fails."""
    cluster = make_cluster(flavour)
    kernel = load(cluster, blocks=1, walltime="00:00:08")
    for number in range(60):
        assert slow_add(number, 1).result(WAIT) == number + 1
    assert kernel.summary().states == {"exec_done": 60}
    assert 2 <= len(cluster.submissions()) <= 12


@python_app
def slow_add(x: int, y: int) -> int:
    import time

    time.sleep(0.3)
    return x + y


# --- faults in the midst of it


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.scheduler
def test_the_batch_system_is_away_for_a_while(
    flavour: str, make_cluster: MakeCluster, load: Callable[..., DataFlowKernel]
) -> None:
    cluster = make_cluster(flavour)
    kernel = load(cluster)
    assert add(1, 2).result(WAIT) == 3
    cluster.restart(4.0)
    futures = [add(number, 1) for number in range(200)]
    assert [future.result(WAIT) for future in futures] == list(range(1, 201))
    assert kernel.summary().losses == 0
    kernel.cleanup()
    cluster.wait_until_empty(WAIT)
    assert len(cluster.submissions()) == 2


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.scheduler
def test_jobs_cannot_be_cancelled(flavour: str, make_cluster: MakeCluster, load: Callable[..., DataFlowKernel]) -> None:
    """Blocks end because their managers do."""
    cluster = make_cluster(flavour)
    kernel = load(cluster)
    assert add(1, 2).result(WAIT) == 3
    cluster.wait(lambda: [job.phase for job in cluster.jobs()] == ["running"] * 2, WAIT)
    cluster.fault(CANCEL[flavour], "fail", stderr="no\n")
    kernel.cleanup()
    cluster.wait_until_empty(WAIT)
    assert {job.fate for job in cluster.jobs()} == {"exit"}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.scheduler
def test_the_batch_system_is_away_while_one_block_runs_and_one_is_queued_at_the_end(
    flavour: str, make_cluster: MakeCluster, load: Callable[..., DataFlowKernel]
) -> None:
    """Whether they can be cancelled in time or not, none is left."""
    cluster = make_cluster(flavour, nodes=1)
    kernel = load(cluster, **WHOLE_NODE[flavour])
    assert add(1, 2).result(WAIT) == 3
    cluster.wait(lambda: [job.phase for job in cluster.jobs()] == ["running", "pending"], WAIT)
    cluster.restart(10.0)
    kernel.cleanup()
    cluster.wait_until_empty(WAIT)
    assert len(cluster.submissions()) == 2


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.scheduler
def test_a_node_is_lost(flavour: str, make_cluster: MakeCluster, load: Callable[..., DataFlowKernel]) -> None:
    cluster = make_cluster(flavour)
    load(cluster, blocks=1)
    assert add(1, 2).result(WAIT) == 3
    (node,) = cluster.job(1).nodes
    cluster.lose_node(node)
    if flavour == "torque":  # its server takes a job for running until its node is back
        cluster.restore_node(node)
    assert add(2, 2).result(WAIT) == 4
    assert len(cluster.submissions()) == 2


@pytest.mark.scheduler
def test_a_node_stays_lost_and_its_job_cannot_be_ended(
    make_cluster: MakeCluster, load: Callable[..., DataFlowKernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torque goes on saying that the job runs; its block is in nobody's way for ever."""
    monkeypatch.setattr(patience, "ABANDONED_AFTER_S", 3.0)
    monkeypatch.setattr(ledger, "STUCK_S", 3.0)
    cluster = make_cluster("torque")
    load(cluster, blocks=1)
    assert add(1, 2).result(WAIT) == 3
    (node,) = cluster.job(1).nodes
    cluster.lose_node(node)
    assert add(2, 2).result(WAIT) == 4
    assert len(cluster.submissions()) == 2
    cluster.restore_node(node)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.scheduler
def test_the_id_of_a_job_never_comes(
    flavour: str, make_cluster: MakeCluster, load: Callable[..., DataFlowKernel]
) -> None:
    cluster = make_cluster(flavour)
    cluster.fault(SUBMIT[flavour], "lost", times=1)
    kernel = load(cluster, blocks=1)
    assert add(1, 2).result(WAIT) == 3
    kernel.cleanup()
    cluster.wait_until_empty(WAIT)
    assert len(cluster.submissions()) == 1


# --- the driver is killed


@pytest.mark.parametrize(
    "flavour", ["slurm", *(pytest.param(name, marks=pytest.mark.scheduler) for name in FLAVOURS if name != "slurm")]
)
def test_the_driver_is_killed_while_one_block_runs_and_one_is_queued(
    flavour: str, make_cluster: MakeCluster, tmp_path: Path
) -> None:
    """Both end by themselves: nobody is left to cancel them."""
    cluster = make_cluster(flavour, nodes=1)
    driver = subprocess.Popen(
        [sys.executable, str(DRIVER), flavour, str(tmp_path / "runinfo")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert driver.stdout is not None
    try:
        assert driver.stdout.readline() == "ready\n"
        cluster.wait(lambda: [job.phase for job in cluster.jobs()] == ["running", "pending"], WAIT)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.stdout.close()
        driver.wait()
    cluster.wait_until_empty(60.0)
    assert len(cluster.submissions()) == 2
    assert [(job.fate, job.stragglers) for job in cluster.jobs()] == [("exit", 0)] * 2
    assert cluster.calls(CANCEL[flavour]) == []
