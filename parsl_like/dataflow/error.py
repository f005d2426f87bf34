"""Parsl 1.2's path of :mod:`parsl_like.dataflow.errors`."""

from parsl_like.dataflow.errors import BadCheckpoint, DataFlowException, DependencyError, DuplicateTaskError
from parsl_like.errors import ConfigurationError

__all__ = ["BadCheckpoint", "ConfigurationError", "DataFlowException", "DependencyError", "DuplicateTaskError"]
