"""TaskVine: workers of the Cooperative Computing Tools that keep data, at Parsl's path; so far descriptions."""

from __future__ import annotations

from parsl_like.executors.taskvine.executor import TaskVineExecutor
from parsl_like.executors.taskvine.factory_config import TaskVineFactoryConfig
from parsl_like.executors.taskvine.manager_config import TaskVineManagerConfig

__all__ = ["TaskVineExecutor", "TaskVineFactoryConfig", "TaskVineManagerConfig"]
