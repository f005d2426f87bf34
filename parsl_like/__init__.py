"""A many-task engine: functions and commands become tasks, results are futures, futures are arguments.

Importing this package loads nothing but itself: every public name and every sub-module is resolved at its first use, so
a worker or a command that needs one module does not pay for the others.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from parsl_like.version import VERSION

if TYPE_CHECKING:
    from parsl_like import app as app
    from parsl_like import concurrent as concurrent
    from parsl_like import config as config
    from parsl_like import data_provider as data_provider
    from parsl_like import dataflow as dataflow
    from parsl_like import executors as executors
    from parsl_like import launchers as launchers
    from parsl_like import monitoring as monitoring
    from parsl_like import providers as providers
    from parsl_like.app.app import bash_app, join_app, python_app
    from parsl_like.config import Config
    from parsl_like.data_provider.files import File
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.loader import DataFlowKernelLoader, clear, dfk, load, wait_for_current_tasks
    from parsl_like.executors import (
        ExtremeScaleExecutor,
        HighThroughputExecutor,
        RadicalPilotExecutor,
        ThreadPoolExecutor,
        WorkQueueExecutor,
    )
    from parsl_like.logconfigs.streams import set_file_logger, set_stream_logger
    from parsl_like.monitoring import MonitoringHub

__version__ = VERSION

AUTO_LOGNAME: Final = -1
"""As an app's ``stdout`` or ``stderr``: a file in the run directory, named after the task."""

_HOMES: Final = {
    "bash_app": "parsl_like.app.app",
    "python_app": "parsl_like.app.app",
    "join_app": "parsl_like.app.app",
    "Config": "parsl_like.config",
    "DataFlowKernel": "parsl_like.dataflow.dflow",
    "DataFlowKernelLoader": "parsl_like.dataflow.loader",
    "load": "parsl_like.dataflow.loader",
    "clear": "parsl_like.dataflow.loader",
    "dfk": "parsl_like.dataflow.loader",
    "wait_for_current_tasks": "parsl_like.dataflow.loader",
    "File": "parsl_like.data_provider.files",
    "set_stream_logger": "parsl_like.logconfigs.streams",
    "set_file_logger": "parsl_like.logconfigs.streams",
    "ThreadPoolExecutor": "parsl_like.executors",
    "HighThroughputExecutor": "parsl_like.executors",
    "WorkQueueExecutor": "parsl_like.executors",
    "RadicalPilotExecutor": "parsl_like.executors",
    "ExtremeScaleExecutor": "parsl_like.executors",
    "MonitoringHub": "parsl_like.monitoring",
}

# `from parsl_like import *` brings what either version of Parsl has, also what this version only describes.
__all__ = [
    "bash_app",
    "python_app",
    "join_app",
    "Config",
    "DataFlowKernel",
    "DataFlowKernelLoader",
    "load",
    "clear",
    "dfk",
    "wait_for_current_tasks",
    "File",
    "set_stream_logger",
    "set_file_logger",
    "AUTO_LOGNAME",
    "ThreadPoolExecutor",
    "HighThroughputExecutor",
    "WorkQueueExecutor",
    "RadicalPilotExecutor",
    "ExtremeScaleExecutor",
    "MonitoringHub",
    "__version__",
]

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong

    def __getattr__(name: str) -> object:
        """The public name or sub-module, imported now and remembered.

        Raises:
            AttributeError: There is neither a public name nor a sub-module so called.
            ImportError: There is, and importing it failed.
        """
        if name in _HOMES:
            value = getattr(importlib.import_module(_HOMES[name]), name)
        elif name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        else:
            value = _submodule(name)
        globals()[name] = value
        return value


def _submodule(name: str) -> object:
    path = f"{__name__}.{name}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
