"""Executors: where tasks run. Names are resolved at their first use, so a worker never loads the submit side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.executors.extreme_scale.executor import ExtremeScaleExecutor
    from parsl_like.executors.flux.executor import FluxExecutor
    from parsl_like.executors.globus_compute import GlobusComputeExecutor
    from parsl_like.executors.high_throughput.description import HighThroughputExecutor
    from parsl_like.executors.high_throughput.mpi_executor import MPIExecutor
    from parsl_like.executors.ipp import IPyParallelExecutor
    from parsl_like.executors.low_latency.executor import LowLatencyExecutor
    from parsl_like.executors.radical.executor import RadicalPilotExecutor
    from parsl_like.executors.swift_t import TurbineExecutor
    from parsl_like.executors.taskvine.executor import TaskVineExecutor
    from parsl_like.executors.threads import ThreadPoolExecutor
    from parsl_like.executors.workqueue.executor import WorkQueueExecutor

__all__ = [
    "HighThroughputExecutor",
    "ThreadPoolExecutor",
    "MPIExecutor",
    "WorkQueueExecutor",
    "TaskVineExecutor",
    "FluxExecutor",
    "GlobusComputeExecutor",
    "RadicalPilotExecutor",
    "LowLatencyExecutor",
    "ExtremeScaleExecutor",
    "IPyParallelExecutor",
    "TurbineExecutor",
]

_HOMES: Final = {
    "HighThroughputExecutor": "parsl_like.executors.high_throughput.description",
    "ThreadPoolExecutor": "parsl_like.executors.threads",
    "MPIExecutor": "parsl_like.executors.high_throughput.mpi_executor",
    "WorkQueueExecutor": "parsl_like.executors.workqueue.executor",
    "TaskVineExecutor": "parsl_like.executors.taskvine.executor",
    "FluxExecutor": "parsl_like.executors.flux.executor",
    "GlobusComputeExecutor": "parsl_like.executors.globus_compute",
    "RadicalPilotExecutor": "parsl_like.executors.radical.executor",
    "LowLatencyExecutor": "parsl_like.executors.low_latency.executor",
    "ExtremeScaleExecutor": "parsl_like.executors.extreme_scale.executor",
    "IPyParallelExecutor": "parsl_like.executors.ipp",
    "TurbineExecutor": "parsl_like.executors.swift_t",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
