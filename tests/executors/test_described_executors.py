"""Executors that are described and not built: values like all descriptions, refused when a run starts."""

from __future__ import annotations

import pickle
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import executors
from parsl_like.config import Config
from parsl_like.core.unbuilt import is_unbuilt
from parsl_like.dataflow.dflow import DataFlowKernel
from parsl_like.errors import AppException, ConfigurationError
from parsl_like.executors import (
    ExtremeScaleExecutor,
    FluxExecutor,
    GlobusComputeExecutor,
    HighThroughputExecutor,
    IPyParallelExecutor,
    LowLatencyExecutor,
    MPIExecutor,
    RadicalPilotExecutor,
    TaskVineExecutor,
    ThreadPoolExecutor,
    TurbineExecutor,
    WorkQueueExecutor,
)
from parsl_like.executors.ipp_controller import Controller
from parsl_like.executors.radical import ResourceConfig
from parsl_like.executors.taskvine import TaskVineFactoryConfig, TaskVineManagerConfig
from parsl_like.executors.taskvine.errors import TaskVineTaskFailure
from parsl_like.executors.workqueue.errors import WorkQueueTaskFailure
from parsl_like.providers import LocalProvider

if TYPE_CHECKING:
    from pathlib import Path


def remote() -> ThreadPoolExecutor:
    """Stands for an executor of Globus Compute: it has a submit."""
    return ThreadPoolExecutor("remote")


DESCRIBED: dict[type, dict[str, Any]] = {
    MPIExecutor: {},
    WorkQueueExecutor: {},
    TaskVineExecutor: {},
    FluxExecutor: {},
    GlobusComputeExecutor: {"executor": remote()},
    RadicalPilotExecutor: {"resource": "local.localhost"},
    LowLatencyExecutor: {},
    ExtremeScaleExecutor: {},
    IPyParallelExecutor: {},
    TurbineExecutor: {},
}


def test_all_executors_are_built_or_described() -> None:
    classes = {getattr(executors, name) for name in executors.__all__}
    assert classes == {*DESCRIBED, HighThroughputExecutor, ThreadPoolExecutor}
    assert all(is_unbuilt(cls(**needed)) for cls, needed in DESCRIBED.items())
    assert not is_unbuilt(HighThroughputExecutor())


@pytest.mark.parametrize("cls", DESCRIBED)
def test_a_run_is_refused_before_anything_is_started(cls: type, tmp_path: Path) -> None:
    config = Config(executors=[ThreadPoolExecutor(), cls(**DESCRIBED[cls])], run_dir=tmp_path / "runs")
    threads = threading.active_count()
    with pytest.raises(ConfigurationError, match=f"{cls.__name__} is described only: this version cannot") as caught:
        DataFlowKernel(config)
    assert caught.value.hint == cls.meanwhile  # type: ignore[attr-defined]
    assert threading.active_count() == threads
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("cls", DESCRIBED)
def test_one_that_is_started_by_hand_is_refused(cls: type) -> None:
    with pytest.raises(ConfigurationError, match=f"{cls.__name__} is described only"):
        cls(**DESCRIBED[cls]).start()


def test_a_subclass_with_methods_of_its_own_is_the_users_and_runs(tmp_path: Path) -> None:
    class Mine(WorkQueueExecutor):
        def start(self) -> None:
            self._pool = futures.ThreadPoolExecutor(1)

        def submit(self, func: Any, resource_specification: Any, *args: Any, **kwargs: Any) -> Any:
            return self._pool.submit(func, *args, **kwargs)

        def shutdown(self, *_: Any, **__: Any) -> bool:
            self._pool.shutdown()
            return True

    with DataFlowKernel(Config(executors=[Mine(label="mine")], run_dir=tmp_path)) as dfk:
        assert dfk.submit(pow, (2, 5)).result(timeout=30) == 32


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: WorkQueueExecutor(port="9123"), r"WorkQueueExecutor.port is '9123'; expected a whole number"),
        (
            lambda: WorkQueueExecutor(env=["A=1"]),
            r"WorkQueueExecutor.env is \['A=1'\]; expected a dict of text to text",
        ),
        (lambda: WorkQueueExecutor(shared_fs="no"), r"WorkQueueExecutor.shared_fs is 'no'; expected True or False"),
        (lambda: WorkQueueExecutor(provider="local"), r"provider is 'local'; expected an ExecutionProvider or None"),
        (lambda: TaskVineExecutor(worker_launch_method="ssh"), r"is 'ssh'; expected one of 'factory', 'provider'"),
        (lambda: TaskVineExecutor(manager_config={}), r"manager_config is {}; expected a TaskVineManagerConfig"),
        (lambda: TaskVineManagerConfig(autolabel_algorithm="best"), r"is 'best'; expected one of 'max-xput'"),
        (lambda: TaskVineFactoryConfig(max_workers=1.5), r"max_workers is 1.5; expected a whole number"),
        (lambda: FluxExecutor(flux_executor_kwargs=None), r"flux_executor_kwargs is None; expected a dict"),
        (lambda: MPIExecutor(mpi_launcher="ssh"), r"MPIExecutor.mpi_launcher is 'ssh'; expected one of 'srun'"),
        (lambda: IPyParallelExecutor(controller=None), r"controller is None; expected a Controller"),
        (lambda: Controller(reuse=1), r"Controller.reuse is 1; expected True or False"),
        (lambda: RadicalPilotExecutor(3), r"RadicalPilotExecutor.resource is 3; expected text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_at_once(build: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        build()
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        (WorkQueueExecutor(port=70000), "port is 70000; expected a port from 1 to 65535, or 0 for any"),
        (WorkQueueExecutor(max_retries=-1), "max_retries is -1; expected a whole number"),
        (WorkQueueExecutor(label=" "), "label is ' '"),
        (TaskVineExecutor(manager_config=TaskVineManagerConfig(port=-1)), "TaskVineManagerConfig.port is -1"),
        (TaskVineFactoryConfig(min_workers=3), r"max_workers is 1; expected at least min_workers \(3\)"),
        (TaskVineFactoryConfig(worker_timeout=0), "worker_timeout is 0; expected a number above 0"),
        (FluxExecutor(flux_path=""), "flux_path is ''"),
        (GlobusComputeExecutor(object()), "expected a globus_compute_sdk.Executor"),
        (RadicalPilotExecutor(""), "resource is ''"),
        (ResourceConfig(masters=0), "masters is 0; expected a whole number of at least 1"),
        (LowLatencyExecutor(worker_port_range=(2, 1)), "worker_port_range is .*the lower one first"),
        (ExtremeScaleExecutor(ranks_per_node=0), "ranks_per_node is 0"),
        (ExtremeScaleExecutor(worker_ports=(0, 1)), "worker_ports"),
        (IPyParallelExecutor(workers_per_node=0), "workers_per_node is 0"),
        (Controller(port_range=(1, 70000)), "port_range"),
        (MPIExecutor(max_workers_per_block=0), "max_workers_per_block is 0"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_no_type_can_say_is_refused_when_it_is_sealed(description: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        description.sealed()


def test_what_describes_a_pilot_is_gathered() -> None:
    executor = RadicalPilotExecutor("local.localhost", cores=4, runtime=30)
    assert executor.rpex_pilot_kwargs == {"cores": 4, "runtime": 30}
    assert executor == RadicalPilotExecutor("local.localhost", rpex_pilot_kwargs={"cores": 4}, runtime=30)
    assert eval(repr(executor)) == executor


def test_an_mpi_executor_is_a_high_throughput_one_with_arguments_of_its_own() -> None:
    executor = MPIExecutor("mpi", None, None, None, "10.0.0.1", mpi_launcher="srun", max_workers_per_block=3)
    assert isinstance(executor, HighThroughputExecutor)
    assert (executor.address, executor.max_workers_per_block, executor.encrypted) == ("10.0.0.1", 3, False)
    for name in ("mem_per_worker", "max_workers_per_node", "cpu_affinity"):
        with pytest.raises(TypeError, match=name):
            MPIExecutor(**{name: 1})
        assert f"{name}=" not in repr(executor)


def test_lists_and_dicts_that_a_program_keeps_are_its_own() -> None:
    env, packages = {"A": "1"}, ["numpy"]
    executor = WorkQueueExecutor(env=env, extra_pkgs=packages)
    env.clear()
    packages.clear()
    assert (executor.env, executor.extra_pkgs) == ({"A": "1"}, ["numpy"])


def test_blocks_come_from_this_machine_unless_something_else_is_said() -> None:
    for cls in (WorkQueueExecutor, LowLatencyExecutor, ExtremeScaleExecutor, IPyParallelExecutor):
        assert cls().provider == LocalProvider()
        assert cls().provider is not cls().provider
        assert cls(provider=None).provider is None


@pytest.mark.parametrize("cls", [WorkQueueTaskFailure, TaskVineTaskFailure])
def test_failures_of_tasks_survive_pickling(cls: type[Any]) -> None:
    error = pickle.loads(pickle.dumps(cls("it ended with 3", ValueError("why"))))
    assert isinstance(error, AppException)
    assert (str(error), error.reason, str(error.status)) == ("it ended with 3", "it ended with 3", "why")
