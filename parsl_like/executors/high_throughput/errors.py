"""The errors of the high-throughput executor, at the path where programs look for them."""

from __future__ import annotations

from parsl_like.errors import InterchangeLostError, ManagerLost, VersionMismatch, WorkerLost

__all__ = ["InterchangeLostError", "ManagerLost", "VersionMismatch", "WorkerLost"]
