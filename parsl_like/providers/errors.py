"""Errors of providers, at Parsl's path."""

from parsl_like.errors import (
    ExecutionProviderException,
    ScaleOutFailed,
    SchedulerMissingArgs,
    ScriptPathError,
    SubmitException,
)

__all__ = [
    "ExecutionProviderException",
    "ScaleOutFailed",
    "SchedulerMissingArgs",
    "ScriptPathError",
    "SubmitException",
]
