"""Parsl's path of futures of files."""

from parsl_like.dataflow.datafutures import DataFuture
from parsl_like.dataflow.futures import AppFuture

__all__ = ["AppFuture", "DataFuture"]
