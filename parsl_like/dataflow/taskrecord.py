"""What retry handlers and memoizers are given of a task, at Parsl's path of it, for annotations."""

from __future__ import annotations

from parsl_like.dataflow.taskview import TaskView as TaskRecord

__all__ = ["TaskRecord"]
