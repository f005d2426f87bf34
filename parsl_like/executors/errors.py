"""The errors of executors, at the path where programs look for them."""

from __future__ import annotations

from parsl_like.errors import (
    BadMessage,
    BadStateException,
    DeserializationError,
    ExecutorError,
    InterchangeLostError,
    InvalidResourceSpecification,
    ManagerLost,
    ScalingFailed,
    SerializationError,
    TaskLost,
    UnsupportedFeatureError,
    WorkerLost,
)

__all__ = [
    "BadMessage",
    "BadStateException",
    "DeserializationError",
    "ExecutorError",
    "InterchangeLostError",
    "InvalidResourceSpecification",
    "ManagerLost",
    "ScalingFailed",
    "SerializationError",
    "TaskLost",
    "UnsupportedFeatureError",
    "WorkerLost",
]
