"""Packed calls of failed tasks, kept so that a failure can be run again by hand, under a debugger."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.core.task import TaskRow

logger = logging.getLogger(__name__)

PAYLOAD_VERSION = 1
MOST_PAYLOADS = 1000
"""Failed tasks whose call is kept, in one run."""
LARGEST_PAYLOAD = 16 * 1024 * 1024
"""A larger call, in bytes, is not kept."""


class FailedPayloads:
    """Files like ``failed/task_000012.payload`` in the run directory, readable by their user alone.

    A file holds what ``parsl_like.serialize.serialize`` makes of a dictionary: ``version``, ``task``, ``app``,
    ``function`` (packed), ``body`` (the packed call) and ``buffers``. Only calls packed for worker processes are kept.

    Args:
        run_dir: The run's directory.
    """

    def __init__(self, run_dir: str) -> None:
        self._directory = os.path.join(run_dir, "failed")
        self._kept = 0
        self._lock = threading.Lock()

    def wanted(self, rows: Sequence[TaskRow]) -> list[TaskRow]:
        """Those of some ended tasks that have failed with a packed call, within the bounds."""
        if self._kept >= MOST_PAYLOADS:
            return []
        return [row for row in rows if row.body is not None and _size(row) <= LARGEST_PAYLOAD]

    def keep(self, rows: Sequence[TaskRow]) -> tuple[()]:
        """Write the calls of failed tasks; a disk that does not take them costs a line in the log."""
        for row in rows:
            with self._lock:
                if self._kept >= MOST_PAYLOADS:
                    break
                self._kept += 1
            try:
                self._write(row)
            except OSError as error:
                about = {"task": int(row.id)}
                logger.warning("the call of failed task %d cannot be kept for replay: %s", row.id, error, extra=about)
        return ()

    def _write(self, row: TaskRow) -> None:
        from parsl_like.serialize.facade import serialize

        facts: dict[str, Any] = {
            "version": PAYLOAD_VERSION,
            "task": int(row.id),
            "app": row.app.name,
            "function": row.function.blob,
            "body": row.body,
            "buffers": [bytes(part) for part in row.buffers],
        }
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        path = os.path.join(self._directory, f"task_{row.id:06d}.payload")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        with open(descriptor, "wb") as file:
            file.write(serialize(facts))


def _size(row: TaskRow) -> int:
    return len(row.body) + sum(memoryview(part).nbytes for part in row.buffers)
