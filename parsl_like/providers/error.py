"""Errors of providers, at the path of Parsl 1.2."""

from parsl_like.errors import (
    ChannelRequired,
    ExecutionProviderException,
    ScaleOutFailed,
    SchedulerMissingArgs,
    ScriptPathError,
)

__all__ = ["ChannelRequired", "ExecutionProviderException", "ScaleOutFailed", "SchedulerMissingArgs", "ScriptPathError"]
