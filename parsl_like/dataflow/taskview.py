"""A read-only view of a task for user code, with the keys of Parsl's task records."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any

from parsl_like.core.states import FINAL_PHASES, Phase, States, state_of
from parsl_like.core.task import JoinTargets
from parsl_like.dataflow.errors import JoinError, brief

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.futures import AppFuture


LONGEST = 1000
"""Characters of an error that are shown in the history of a task."""

_BAD_ENDS = (Phase.failed, Phase.dep_failed)


def _users_function(row: TaskRow) -> Any:
    """The function as the program wrote it, without what limits its time or catches its output."""
    from parsl_like.remote.capture import Captured  # not needed before somebody asks
    from parsl_like.remote.timeout import Walltimed

    func = row.app.func
    while isinstance(func, Captured | Walltimed):
        func = func.func
    return func


def _joins(row: TaskRow) -> Any:
    """The inner futures of a join app, while it waits for them."""
    targets = row.value
    if not isinstance(targets, JoinTargets):
        return None
    return targets.futures[0] if targets.single else list(targets.futures)


def _moment(seconds: float) -> datetime | None:
    """Local time without a zone, as in Parsl; None for what has not happened."""
    return datetime.fromtimestamp(seconds) if seconds else None


def _failures(row: TaskRow) -> list[BaseException]:
    """What all tries have failed with, and the task itself if it has ended so."""
    last = row.future._exception if row.phase in _BAD_ENDS else None
    return [*(row.errors or ()), *([last] if last is not None else ())]


def _fail_count(row: TaskRow) -> int:
    """Failed tries; an end that is not the failure of a try counts as one more, as in Parsl."""
    other = row.fail_count == 0 or row.phase == Phase.dep_failed or isinstance(row.future._exception, JoinError)
    return row.fail_count + (1 if row.phase in _BAD_ENDS and other else 0)


def _history(errors: Iterable[BaseException]) -> list[str]:
    return [_shown(error) for error in errors]


def _shown(error: BaseException) -> str:
    try:
        return repr(error)[:LONGEST]
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise; something is known of it all the same
        return brief(error)


_READERS: dict[str, Callable[[TaskRow], Any]] = {
    "func": _users_function,
    "args": lambda row: list(row.args),
    "kwargs": lambda row: row.kwargs or {},
    "executor": lambda row: row.executor,
    "try_id": lambda row: row.number,
    "fail_count": _fail_count,
    "fail_cost": lambda row: row.fail_cost + (1 if row.phase == Phase.dep_failed else 0),
    "fail_history": lambda row: _history(_failures(row)),
    "losses": lambda row: row.losses,
    "from_memo": lambda row: row.phase == Phase.recalled,
    "hashsum": lambda row: row.key or None,
    "memoize": lambda row: bool(row.app.cache),
    "ignore_for_cache": lambda row: list(row.app.ignore_for_cache),
    "join": lambda row: row.app.join,
    "joins": _joins,
    "depends": lambda row: list(row.depends),
    "resource_specification": lambda row: dict(row.resources or {}),
    # Executors here answer with events, so there is no other future.
    "exec_fu": lambda row: row.future if row.phase in FINAL_PHASES else None,
    "time_invoked": lambda row: _moment(row.submitted),
    "time_returned": lambda row: _moment(row.returned),
    "try_time_launched": lambda row: _moment(row.launched),
    "try_time_returned": lambda row: _moment(row.returned),
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
        always = _ALWAYS.get(key)
        if always is not None:
            return always(self)
        if self._row is None or key not in _READERS or (key in ("args", "kwargs") and self._row.args is None):
            raise KeyError(key)
        return _READERS[key](self._row)

    def __iter__(self) -> Iterator[str]:
        yield from _ALWAYS
        if self._row is not None:
            yield from (key for key in _READERS if self._row.args is not None or key not in ("args", "kwargs"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<task {self._future.tid} ({self._future._name}) {self.status.name}>"


_ALWAYS: dict[str, Callable[[TaskView], Any]] = {
    "id": operator.attrgetter("_future.tid"),
    "func_name": operator.attrgetter("_future._name"),
    "status": operator.attrgetter("status"),
    "app_fu": operator.attrgetter("_future"),
    "dfk": operator.attrgetter("_future._kernel"),
}
"""What is known of a task for as long as somebody has its future."""


class JudgedTask(TaskView):
    """A task whose current try has failed, for whoever says what that costs: the failure counts already, as in Parsl.

    Args:
        row: The task's row.
        future: The task's future.
        error: What the try failed with.
    """

    def __init__(self, row: TaskRow, future: AppFuture[Any], error: BaseException) -> None:
        super().__init__(row, future)
        self._errors = [*(row.errors or ()), error]
        self._count = row.fail_count + 1
        self._returned = time.time()

    def __getitem__(self, key: str) -> Any:
        if key == "fail_count":
            return self._count
        if key == "fail_history":  # made when it is asked for: the text of users' exceptions is the work of their code
            return _history(self._errors)
        if key == "try_time_returned":
            return _moment(self._returned)
        if key == "exec_fu":
            tried: Future[Any] = Future()
            tried.set_exception(self._errors[-1])
            return tried
        return super().__getitem__(key)
