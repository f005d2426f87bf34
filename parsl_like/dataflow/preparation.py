"""Preparation of tasks that had to wait: values put in place, the call looked up, the call packed.

All of it may run user code (resolvers, hashing, pickling), so it happens on the thread "parsl-like-prepare" and
comes back as events. Tasks without open dependencies are packed by the thread that submits them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType, RawEvent
from parsl_like.dataflow.futures import FAILED, SUCCEEDED, LazyFuture
from parsl_like.dataflow.joins import error_of, name_of
from parsl_like.dataflow.services import Unheld
from parsl_like.dataflow.taskview import TaskView
from parsl_like.errors import SerializationError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.core.ports import ExecutorSession, Memo
    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.dependency_resolvers import DependencyResolver
    from parsl_like.serialize.functions import FunctionBlob

_PREPARED = int(EventType.PREPARED)
_RECALLED = int(EventType.RECALLED)
_ATTACHED = int(EventType.ATTACHED)
_DEPENDENCIES_FAILED = int(EventType.DEPENDENCIES_FAILED)
_PREPARE_FAILED = int(EventType.PREPARE_FAILED)

NO_KWARGS: dict[str, Any] = {}
"""Shared by all calls without keyword arguments; never changed."""

ATOMS = frozenset({int, float, str, bytes, bool, type(None), complex})
"""Types in which no future can be, checked first because most arguments are of them."""


SLICE = 100
"""Rows whose events are posted together: executors begin with the first of many while the others are being packed."""

FORCED = "force"
"""As ``cache``: the call runs whatever is remembered, and its result takes the place of that."""

FUNCTIONS_KEPT = 4096
"""Packed functions that are remembered, so that a program which makes a function per call does not grow for ever."""


class Refused:
    """Stands for the function of a call that cannot be made.

    Args:
        error: Why.
    """

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Preparation:
    """Packs calls for executors.

    Args:
        sessions: Executors by label.
        resolver: Finds and replaces futures.
        memo: Remembered results; one with ``asks_about_all`` is asked about every task, not only those of apps with
            ``cache=True``, and answers with futures. One with ``claim`` is asked by that on any thread first.
        post_all: Takes the events that come of it.
        post_news: Takes what executors tell on the prepare thread; None for ``post_all``.
        note: Keeps the key of a call that runs, with the reason if it runs whatever is remembered; None for nobody.
        limited: Whether callers are made to wait for room; tasks on threads of this process must not be.

    Attributes:
        asks_about_all: Whether the memory is asked about every task.
        claiming: Held while a call is claimed and submitted.
    """

    def __init__(
        self,
        sessions: dict[str, ExecutorSession],
        resolver: DependencyResolver,
        memo: Memo,
        post_all: Callable[[Sequence[RawEvent]], None],
        *,
        post_news: Callable[[Sequence[RawEvent]], None] | None = None,
        note: Callable[[TaskRow, str], None] | None = None,
        limited: bool = False,
    ) -> None:
        self._limited = limited
        self._sessions = sessions
        self._resolver = resolver
        self._memo = memo
        self.asks_about_all: bool = getattr(memo, "asks_about_all", False)
        self._post_all = post_all
        self._post_news = post_news or post_all
        self._note = note or (lambda row, why: None)
        self._functions: dict[int, tuple[Any, FunctionBlob]] = {}
        self.claiming = threading.RLock()

    # --- on the prepare thread -----------------------------------------------------------------------------------

    def serve(self, work: list[TaskRow] | Callable[[], Sequence[RawEvent]]) -> None:
        """Prepare a batch of rows, or run something that others do not want to run on the owner thread."""
        if callable(work):
            if events := work():
                self._post_news(events)
            return
        for start in range(0, len(work), SLICE):
            self._post_all([event for row in work[start : start + SLICE] if (event := self.event_for(row)) is not None])

    def event_for(self, row: TaskRow) -> RawEvent | None:
        """Prepare one row; never raises. None if the event will be posted later, by whoever remembers its end."""
        if isinstance(row.function, Refused):
            return (_PREPARE_FAILED, row.id, row.function.error)
        try:
            failed = self.failed_dependencies(row)
            if failed:
                return (_DEPENDENCIES_FAILED, row.id, tuple(failed))
            args, kwargs = self.in_place(row.args, row.kwargs)
            if row.app.cache or self.asks_about_all:
                known, event = self._recall(row, args, kwargs)
                if known:
                    return event
            return (_PREPARED, row.id, self.packed(row, args, kwargs))
        except BaseException as error:  # noqa: BLE001 - user code: pickling, resolving, hashing; the task fails, the thread goes on
            return (_PREPARE_FAILED, row.id, error)

    def _recall(self, row: TaskRow, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, RawEvent | None]:
        """Whether a call need not run, since it is remembered or an equal one runs; and the event, if it is there."""
        row.args, row.kwargs = args, kwargs
        key = row.key
        if key is None or self.asks_about_all:
            row.key = key = self._memo.key(TaskView(row, row.future))
        if key is None:
            return False, None
        if row.app.cache == FORCED:
            self._note(row, "forced")
            return False, None
        task = row.id
        found, value = self._memo.lookup(key)
        if not self.asks_about_all:
            return self._find(row, key, found, value)
        if not found:
            return False, None
        if value.done():
            return True, _recalled(task, value)
        value.add_done_callback(lambda ended: self._post_all([_recalled(task, ended)]))
        return True, None

    def _find(self, row: TaskRow, key: str, found: bool, value: Any) -> tuple[bool, RawEvent | None]:
        """The same for the package's own memory, which knows of equal calls in flight."""
        in_vain = found and _outputs_missing(row)
        if found and not in_vain:
            return True, (_RECALLED, row.id, value)
        leader = self._memo.attach(key, row.id)
        if leader is not None:
            with self.claiming:  # whoever has claimed the key has submitted the task now
                pass
            return True, (_ATTACHED, row.id, leader)
        if in_vain or self._memo.wants_notes:
            self._note(row, "outputs missing" if in_vain else "")
        return False, None

    # --- on any thread -------------------------------------------------------------------------------------------

    def claims(self, row: TaskRow) -> bool:
        """Whether a call with plain arguments has to run, and is the one to which equal ones attach themselves.

        To be asked, and the row to be submitted, under ``claiming``. If it is not so, or takes longer to be found out,
        the row is left to the prepare thread.
        """
        if row.app.cache == FORCED:
            return False
        memo: Any = self._memo
        try:
            claim = memo.claim
        except AttributeError:
            return False
        claimed: bool = claim(row)
        return claimed

    def futures_in(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Future[Any]]:
        """All futures that a call depends on."""
        found: list[Future[Any]] = []
        gather = self._resolver.traverse_to_gather
        for argument in args:
            if type(argument) not in ATOMS:
                found.extend(gather(argument))
        for name, argument in kwargs.items():
            if name == "inputs" and isinstance(argument, list | tuple):
                for part in argument:
                    found.extend(gather(part))
            elif type(argument) not in ATOMS:
                found.extend(gather(argument))
        return found

    def in_place(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call with every future replaced by its value; all of them have ended well."""
        unwrap = _Unwrap(self._resolver.traverse_to_unwrap)
        new_args = tuple([a if type(a) in ATOMS else unwrap(a) for a in args])
        new_kwargs: dict[str, Any] = {}
        for name, argument in kwargs.items():
            if name == "inputs" and isinstance(argument, list | tuple):
                new_kwargs[name] = [unwrap(part) for part in argument]
            else:
                new_kwargs[name] = argument if type(argument) in ATOMS else unwrap(argument)
        return new_args, new_kwargs

    def failed_dependencies(self, row: TaskRow) -> list[tuple[str, BaseException]]:
        """Pairs (name, error) of the futures in a row's call that have failed."""
        failed = []
        for future in self.futures_in(row.args, row.kwargs):
            if isinstance(future, LazyFuture) and future.settled == SUCCEEDED:
                continue
            error = settled_error(future)
            if error is not None:
                failed.append((name_of(future), error))
        return failed

    def packed(self, row: TaskRow, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any, Any, Any]:
        """The call as its executor wants it: (function, args, kwargs, body, buffers).

        Raises:
            SerializationError: naming the argument and the part of it that cannot be sent.
        """
        function = row.function if row.function is not None else row.app.func
        session = self._sessions.get(row.executor)
        if session is None or session.wants == "objects":
            return Unheld(function) if self._limited else function, args, kwargs, None, ()
        from parsl_like.serialize.calls import pack_call  # not needed by threads

        apart = getattr(row.function, "apart", None)
        if apart is None:
            body, buffers = pack_call(args, kwargs)
        else:  # a call with files: what is its own travels beside a function that others share
            function, own = apart()
            body, buffers = pack_call(args, {**kwargs, **own})
        return self.packed_function(function), args, kwargs, body, buffers

    def packed_function(self, function: Any) -> FunctionBlob:
        """A function's bytes, made once per function object."""
        known = self._functions.get(id(function))
        if known is not None and known[0] is function:
            return known[1]
        from parsl_like.serialize.functions import FunctionBlob, pack_function

        if isinstance(function, FunctionBlob):
            return function
        blob = pack_function(function)
        if len(self._functions) >= FUNCTIONS_KEPT:
            self._functions.clear()
        self._functions[id(function)] = (function, blob)
        return blob


def _outputs_missing(row: TaskRow) -> bool:
    """Whether a file that a call makes here is not there any more: its result is remembered in vain."""
    from parsl_like.data_provider.files import File  # only for memoized apps

    outputs = row.kwargs.get("outputs")
    if not isinstance(outputs, list | tuple):
        return False
    return any(
        isinstance(each, File) and each.scheme == "file" and not os.path.exists(each.filepath) for each in outputs
    )


def _recalled(task: int, ended: Future[Any]) -> RawEvent:
    """The event of a remembered end: a value, or an exception."""
    error = error_of(ended)
    return (_RECALLED, task, ended.result()) if error is None else (_PREPARE_FAILED, task, error)


class _Unwrap:
    """An argument with its futures replaced; a value that is there already is not waited for."""

    __slots__ = ("_traverse",)

    def __init__(self, traverse: Callable[[object], object]) -> None:
        self._traverse = traverse

    def __call__(self, argument: Any) -> Any:
        if isinstance(argument, LazyFuture):
            return argument._result if argument.settled == SUCCEEDED else argument.result()
        return self._traverse(argument)


def settled_error(future: Future[Any]) -> BaseException | None:
    """What a future has failed with; one that the kernel has settled need not have been published."""
    if isinstance(future, LazyFuture) and future.settled == FAILED:
        return future._exception
    if isinstance(future, LazyFuture) and future.settled == SUCCEEDED:
        return None
    if not future.done():
        return SerializationError("an argument", repr(future), "it holds a future that is not done")
    return error_of(future)
