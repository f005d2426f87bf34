"""Calls as attempts, for those who submit to a session without a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.core.task import AppSpec, TaskRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.core.ids import TaskId
    from parsl_like.core.ports import ExecutorSession
    from parsl_like.serialize.functions import FunctionBlob

MOST_FUNCTIONS = 1000
"""Functions whose bytes are kept; a program that makes a new one for each call must not fill the memory."""


class AttemptMaker:
    """Makes attempts as one session wants them: with the objects themselves, or packed.

    Args:
        session: The session they are for.
    """

    def __init__(self, session: ExecutorSession) -> None:
        self._label = str(session.label)
        self._packs = session.wants == "bytes"
        self._packed: dict[int, tuple[Any, FunctionBlob]] = {}

    def make(
        self,
        task: TaskId,
        func: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> TaskRow:
        """The first try of a call.

        Args:
            task: The task's id, given to no other task of the session.
            func: What to call.
            args: Positional arguments.
            kwargs: Keyword arguments.
            resources: The resource specification; its ``priority`` becomes the attempt's.

        Raises:
            SerializationError: the session wants bytes, and the function or an argument cannot be sent.
        """
        row = TaskRow(task, AppSpec(getattr(func, "__name__", type(func).__name__), func), self._label)
        row.function, row.args, row.kwargs = func, args, kwargs or {}
        if resources:
            row.resources = dict(resources)
            row.priority = row.resources.get("priority", 0)
        if self._packs:
            from parsl_like.serialize.calls import pack_call  # not needed by threads

            row.function = self._blob(func)
            row.body, row.buffers = pack_call(args, kwargs or {})
        return row

    def _blob(self, func: Callable[..., Any]) -> FunctionBlob:
        from parsl_like.serialize.functions import pack_function

        known = self._packed.get(id(func))
        if known is None:
            if len(self._packed) >= MOST_FUNCTIONS:
                self._packed.clear()
            # The function is kept too, so that no other one can have its id.
            known = self._packed[id(func)] = (func, pack_function(func))
        return known[1]
