"""Records: what happened, for people and tools to read later. Versioned; an unknown field is to be ignored.

A record is (kind, time, subject, fields). Kinds: ``run`` (start and end of a run), ``task`` (a new task),
``state`` (a task's change of public state), ``block`` (a block's job changed), ``decision`` (a scaling decision and
its reason), ``node`` (a manager came, changed or went), ``transfer`` (a file was moved, or could not be), ``memo``
(the key of a call that is remembered, and why it ran), ``warning`` (something users should know).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from parsl_like.core.states import States

RECORD_VERSION = 1


class Record(NamedTuple):
    """One thing that happened.

    Attributes:
        kind: What sort of thing.
        time: When, in seconds since the epoch.
        subject: The task's id, the block's, the executor's label, ...
        fields: The facts, as plain data.
    """

    kind: str
    time: float
    subject: int | str
    fields: Mapping[str, Any]


_NAMES = {int(state): state.name for state in States}
_PENDING = int(States.pending)


def task_record(raw: tuple[float, int, int, int, Any]) -> Record:
    """The record of a change of state that the machine announced as a bare tuple."""
    time, task, number, state, detail = raw
    if detail is None:
        return Record("state", time, task, {"state": _NAMES[state], "try": number})
    if type(detail) is not tuple:
        return Record("state", time, task, {"state": _NAMES[state], "try": number, "reason": reason_of(detail)})
    if state == _PENDING:
        name, executor, depends = detail
        return Record("task", time, task, {"app": name, "executor": executor, "depends": depends})
    started, ended, place = detail
    fields = {"state": _NAMES[state], "try": number, "started": started, "ended": ended, "place": place}
    return Record("state", time, task, fields)


def reason_of(error: Any) -> str:
    """An error's type and the beginning of its text; the text is the user's code and may raise."""
    return f"{type(error).__name__}: {error}"[:1000]
