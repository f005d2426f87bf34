"""From a call to a row in the machine: what happens in the thread that calls an app.

Without open dependencies the caller packs its own call, so that the work is spread over the program's threads and
the owner thread only passes it on.
"""

from __future__ import annotations

import itertools
import operator
import os
import random
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType, RawEvent
from parsl_like.core.numeric import finite
from parsl_like.core.task import AppSpec, TaskRow
from parsl_like.data_provider.data_manager import INHIBIT, DataManager, carries_files, default_staging
from parsl_like.data_provider.files import File
from parsl_like.dataflow.datafutures import DataFuture
from parsl_like.dataflow.futures import SUCCEEDED, UNSETTLED, AppFuture, LazyFuture
from parsl_like.dataflow.joins import JoinBody, error_of, listen, name_of
from parsl_like.dataflow.preparation import ATOMS, NO_KWARGS, Preparation, Refused
from parsl_like.dataflow.services import is_service_thread
from parsl_like.dataflow.taskview import TaskView
from parsl_like.errors import ConfigurationError, NoDataFlowKernelError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.core.ports import ExecutorSession
    from parsl_like.dataflow.dflow import DataFlowKernel

INTERNAL = "_parsl_internal"
"""The label of the threads that run join bodies and other work of the kernel's own (Parsl's name)."""

AUTO_LOGNAME = -1
"""As ``stdout`` or ``stderr``: a file in the run directory, named after the task."""

RESOURCE_KEYWORDS = ("parsl_resource_specification", "parsl_like_resource_specification")
_SUBMITTED = int(EventType.SUBMITTED)
_DEPENDENCY_DONE = int(EventType.DEPENDENCY_DONE)


class Submission:
    """Takes calls in.

    Args:
        kernel: Whose tasks they become.
        sessions: Executors by label.
        preparation: Packs calls.
        post: Hands an event to the owner thread.
        std_autopath: Names files for AUTO_LOGNAME, ``f(task_record, "stdout" | "stderr")``.
        limit: Tasks that may be outstanding before a caller is made to wait, or None.

    Attributes:
        data_manager: Who has the files of calls moved.
    """

    def __init__(
        self,
        kernel: DataFlowKernel,
        sessions: dict[str, ExecutorSession],
        preparation: Preparation,
        post: Callable[[RawEvent], None],
        std_autopath: Callable[[Any, str], Any],
        limit: int | None,
    ) -> None:
        self._kernel = kernel
        self._sessions = sessions
        self._preparation = preparation
        self._post = post
        self._std_autopath = std_autopath
        plugins = getattr(kernel, "plugins", None)
        usual = default_staging if plugins is None else plugins.default_staging
        self.data_manager = DataManager(kernel, usual, DataFuture)
        self._ids = iter(range(sys.maxsize))  # and not a count, since it can say how far it has come
        self._foreign_ids = itertools.count(-1, -1)
        self._choices: dict[Any, tuple[str, ...]] = {}
        self._settled = 0
        self._refused = 0
        self._limit = limit
        self._room = threading.Condition()
        self._waiting = 0
        if preparation.asks_about_all:
            self._pack = _leave  # type: ignore[method-assign]  # costs nothing per task elsewhere

    # --- the way in --------------------------------------------------------------------------------------------

    def submit(self, app: AppSpec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AppFuture[Any]:
        """Make a task of a call; returns at once unless ``limit`` tasks are outstanding."""
        if self._limit is not None and not any(word in kwargs for word in INHIBIT):
            self._wait_for_room(self._limit)  # a transfer's caller, which waits for it, has room already
        executor = self._choose(app)
        task = next(self._ids)
        future: AppFuture[Any] = AppFuture(task, app.name, self._kernel)
        row = TaskRow(task, app, executor, future)  # type: ignore[arg-type]  # an int is a TaskId here
        row.args = args
        row.kwargs = kwargs or NO_KWARGS
        if app.join:
            row.function = JoinBody(app.func, self._kernel)
        if kwargs:
            try:
                self._read_keywords(row, kwargs)
            except BaseException:
                self._refuse()
                raise
        for argument in args:
            if type(argument) not in ATOMS:
                return self._submit_looking(row)
        if kwargs:
            return self._submit_looking(row)
        if app.cache:
            return self._submit_remembered(row)
        self._pack(row)
        self._hand_over(row)
        return future

    def _hand_over(self, row: TaskRow) -> None:
        """Give a row to the owner thread. From here on a task that depends on it may say so by its id."""
        future = row.future
        future._row = row
        self._post((_SUBMITTED, future.tid, row))
        if not self._kernel.is_open:
            self._kernel.end_late_tasks()

    def _submit_remembered(self, row: TaskRow) -> AppFuture[Any]:
        """Submit a call with plain arguments whose result may be remembered.

        Most of them run. If that is known here, the call is not sent the long way over the prepare thread.
        """
        future: AppFuture[Any] = row.future
        preparation = self._preparation
        with preparation.claiming:
            if preparation.claims(row):
                self._pack(row)
            future._row = row
            self._post((_SUBMITTED, future.tid, row))
        if not self._kernel.is_open:
            self._kernel.end_late_tasks()
        return future

    def _submit_looking(self, row: TaskRow) -> AppFuture[Any]:
        """Submit a call that may hold futures."""
        future: AppFuture[Any] = row.future
        if carries_files(row.args, row.kwargs):
            try:
                self._stage(row)
            except Exception as error:  # noqa: BLE001 - a staging provider, perhaps the user's: its task fails with what it says
                _promise_files(row)
                row.function = Refused(error)
                self._hand_over(row)
                return future
        for name in INHIBIT:
            if name in row.kwargs and name in row.app.undeclared:
                del row.kwargs[name]
        foreign: Sequence[tuple[int, Future[Any]]] = ()
        try:
            row.depends, foreign, settled = self._dependencies(row)
            if not row.depends and not row.app.cache:
                if settled:
                    row.args, row.kwargs = self._preparation.in_place(row.args, row.kwargs)
                self._pack(row)
        except Exception:  # noqa: BLE001 - a user's resolver: the prepare thread meets the same error and fails the task with it
            row.depends, foreign = (), ()
        self._hand_over(row)
        for number, other in foreign:
            try:
                listen(other, _Announcer(number, self._post))
            except Exception as error:  # noqa: BLE001 - a future of any library; the task must not wait for ever
                self._post((_DEPENDENCY_DONE, number, (name_of(other), error)))
        return future

    def _stage(self, row: TaskRow) -> None:
        """Let staging providers turn a call's files into dependencies, wrappers and output futures."""
        session = self._sessions[row.executor]
        executor = getattr(session, "description", row.executor)
        function = row.function if row.function is not None else row.app.func
        staged = self.data_manager.stage(row.kwargs, row.args, function, executor)
        row.args, row.kwargs = staged.args, staged.kwargs
        if staged.func is not row.app.func:
            row.function = staged.func
        make = self._file_future(row.future.tid)
        row.future._outputs = staged.output_futures(row.future, make)
        if row.future._std is not None:
            stdout, stderr = row.future._std
            stdout = staged.stream_future("stdout", row.future, make) or stdout
            row.future._std = (stdout, staged.stream_future("stderr", row.future, make) or stderr)

    def _file_future(self, task: int) -> Callable[[Future[Any], Any], DataFuture]:
        return lambda future, file: DataFuture(future, file, tid=task)

    def _dependencies(self, row: TaskRow) -> tuple[tuple[int, ...], Sequence[tuple[int, Future[Any]]], bool]:
        """What a call waits for: ids, foreign futures with their ids, and whether it holds futures that are done.

        If one of those has failed the task is left for the prepare thread, which says why.
        """
        futures = self._preparation.futures_in(row.args, row.kwargs)
        depends: list[int] = []
        foreign: list[tuple[int, Future[Any]]] = []
        for future in futures:
            if isinstance(future, LazyFuture) and future.settled == SUCCEEDED:
                continue
            if isinstance(future, AppFuture) and future._kernel is self._kernel and _handed_over(future):
                depends.append(future.tid)
                continue
            number = next(self._foreign_ids)
            depends.append(number)
            foreign.append((number, future))
        return tuple(depends), foreign, bool(futures)

    def _pack(self, row: TaskRow) -> None:
        try:
            call = self._preparation.packed(row, row.args, row.kwargs)
        except Exception:  # noqa: BLE001 - cannot be sent: the prepare thread meets the same error and fails the task with it
            return
        row.function, row.args, row.kwargs, row.body, row.buffers = call
        row.ready = True

    # --- parts of a call ---------------------------------------------------------------------------------------

    def _choose(self, app: AppSpec) -> str:
        """The executor of a call: one of those the app allows, at random if there are several."""
        if app.join:
            return INTERNAL
        try:
            labels = self._choices[app.executors]
        except (KeyError, TypeError):
            labels = self._allowed(app)
        return labels[0] if len(labels) == 1 else random.choice(labels)  # noqa: S311 - no secret hangs on it

    def _allowed(self, app: AppSpec) -> tuple[str, ...]:
        wanted = app.executors
        known = [label for label in self._sessions if label != INTERNAL]
        if wanted == "all":
            labels = tuple(known)
        else:
            labels = (wanted,) if isinstance(wanted, str) else tuple(wanted)
            missing = [label for label in labels if label not in self._sessions]
            if missing or not labels:
                raise ConfigurationError(
                    f"executors of app {app.name}",
                    list(labels),
                    f"labels out of {known}",
                    hint="check Config(executors=...).",
                )
        if not labels:
            raise ConfigurationError("This kernel has no executor.", hint="give Config(executors=[...]) one.")
        self._choices[wanted if isinstance(wanted, str) else tuple(wanted)] = labels
        return labels

    def forget_choices(self) -> None:
        """An executor was added: "all" means more than before."""
        self._choices.clear()

    def _read_keywords(self, row: TaskRow, kwargs: dict[str, Any]) -> None:
        """Take from the keyword arguments what they say to the kernel."""
        for name in RESOURCE_KEYWORDS:
            if kwargs.get(name):
                row.resources = kwargs[name]
                if "priority" in row.resources:
                    row.priority = finite("priority", row.resources["priority"])
        walltime = kwargs.get("walltime")
        if walltime is not None:
            row.walltime = float(walltime)
        if "stdout" in kwargs or "stderr" in kwargs:
            for name in ("stdout", "stderr"):
                if kwargs.get(name, "") == AUTO_LOGNAME and not isinstance(kwargs[name], bool):
                    kwargs[name] = self._std_autopath(TaskView(row, row.future), name)
                    row.hints = {"unnamed_streams": (row.hints or {}).get("unnamed_streams", frozenset()) | {name}}
            row.future._std = (kwargs.get("stdout"), kwargs.get("stderr"))
        for name in row.app.undeclared:
            if name not in INHIBIT:  # they are for whoever stages
                kwargs.pop(name, None)

    # --- back-pressure -----------------------------------------------------------------------------------------

    @property
    def submitted(self) -> int:
        """Tasks that have been given an id."""
        return sys.maxsize - operator.length_hint(self._ids)

    @property
    def outstanding(self) -> int:
        """Tasks submitted whose ends have not been told."""
        return self.submitted - self._settled - self._refused

    def _refuse(self) -> None:
        """A call was not what it should be: its task will never end, and must not take up room for ever."""
        with self._room:
            self._refused += 1

    def settled(self, count: int) -> None:
        """Some tasks have ended; lets those in that waited for room."""
        self._settled += count
        if self._waiting:
            with self._room:
                self._room.notify_all()

    def _wait_for_room(self, limit: int) -> None:
        if self.outstanding < limit or is_service_thread():
            return
        with self._room:
            self._waiting += 1
            try:
                while self.outstanding >= limit and self._kernel.is_open:
                    self._room.wait(1.0)
            finally:
                self._waiting -= 1
        if not self._kernel.is_open:
            raise NoDataFlowKernelError("The kernel was closed while the call waited for room.")


def _leave(row: TaskRow) -> None:
    """A memoizer of the program's own is asked first, on the prepare thread, which packs the call as well."""


def _handed_over(future: AppFuture[Any]) -> bool:
    """Whether the owner thread has got a task, or has had it: not so for one whose files are being staged."""
    return future._row is not None or future.settled != UNSETTLED  # in this order: the row goes after the end came


def _promise_files(row: TaskRow) -> None:
    """Futures for the files of a call that could not be staged: who waits for them hears of it."""
    future = row.future

    def promised(given: Any) -> Any:
        try:
            return DataFuture(future, given, tid=future.tid)
        except Exception:  # noqa: BLE001 - what is no file has no future; the task itself fails in any case
            return given

    outputs = row.kwargs.get("outputs")
    future._outputs = [promised(given) for given in outputs] if isinstance(outputs, list | tuple) else []
    if future._std is not None:
        future._std = tuple(promised(each) if isinstance(each, File) else each for each in future._std)


class _Announcer:
    """Posts the end of a foreign future."""

    __slots__ = ("_number", "_post")

    def __init__(self, number: int, post: Callable[[RawEvent], None]) -> None:
        self._number, self._post = number, post

    def __call__(self, future: Future[Any]) -> tuple[()]:
        error = error_of(future)
        self._post((_DEPENDENCY_DONE, self._number, None if error is None else (name_of(future), error)))
        return ()


def default_std_autopath(run_dir: str, task_record: Any, name: str) -> str:
    """``run_dir/task_logs/0000/task_0007_app_label.stdout``; ten thousand tasks share a directory."""
    task, app = task_record["id"], task_record["func_name"]
    label = task_record["kwargs"].get("label") if task_record["kwargs"] else None
    suffix = "" if label is None or label == "" else f"_{label}"
    return os.path.join(run_dir, "task_logs", f"{task // 10000:04d}", f"task_{task:04d}_{app}{suffix}.{name}")
