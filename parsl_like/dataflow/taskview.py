"""A read-only view of a task for user code, with the keys of Parsl's task records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from parsl_like.core.states import States, state_of
from parsl_like.core.task import JoinTargets
from parsl_like.dataflow.errors import brief

if TYPE_CHECKING:
    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.futures import AppFuture


def _errors(row: TaskRow) -> list[str]:
    return [brief(error) for error in row.errors or ()]


def _joins(row: TaskRow) -> Any:
    """The inner futures of a join app, while it waits for them."""
    targets = row.value
    if not isinstance(targets, JoinTargets):
        return None
    return targets.futures[0] if targets.single else list(targets.futures)


_READERS: dict[str, Callable[[TaskRow], Any]] = {
    "func": lambda row: row.app.func,
    "func_name": lambda row: row.app.name,
    "args": lambda row: row.args,
    "kwargs": lambda row: row.kwargs or {},
    "executor": lambda row: row.executor,
    "try_id": lambda row: row.number,
    "fail_count": lambda row: row.fail_count,
    "fail_cost": lambda row: row.fail_cost,
    "fail_history": _errors,
    "losses": lambda row: row.losses,
    "hashsum": lambda row: row.key,
    "memoize": lambda row: bool(row.app.cache),
    "ignore_for_cache": lambda row: list(row.app.ignore_for_cache),
    "join": lambda row: row.app.join,
    "joins": _joins,
    "depends": lambda row: list(row.depends),
    "resource_specification": lambda row: dict(row.resources or {}),
    "time_invoked": lambda row: row.submitted,
    "time_returned": lambda row: row.returned or None,
    "try_time_launched": lambda row: row.launched or None,
    "try_time_returned": lambda row: row.returned or None,
    "exec_fu": lambda row: None,  # executors here answer with events
}


class TaskView(Mapping[str, Any]):
    """What the kernel knows of a task at the moment of each look.

    Args:
        row: The task's row, or None once the kernel has dropped it.
        future: The task's future.
    """

    def __init__(self, row: TaskRow | None, future: AppFuture[Any]) -> None:
        self._row, self._future = row, future

    @property
    def status(self) -> States:
        """The public state."""
        return self._row.state if self._row is not None else state_of(self._future._phase)

    def __getitem__(self, key: str) -> Any:
        """One fact by its name in Parsl.

        Raises:
            KeyError: if it is not known, or not known any more.
        """
        if key == "id":
            return self._future.tid
        if key == "status":
            return self.status
        if key == "app_fu":
            return self._future
        if key == "dfk":
            return self._future._kernel
        if self._row is None or key not in _READERS:
            raise KeyError(key)
        return _READERS[key](self._row)

    def __iter__(self) -> Iterator[str]:
        yield from ("id", "status", "app_fu", "dfk")
        if self._row is not None:
            yield from _READERS

    def __len__(self) -> int:
        return sum(1 for _ in self)
