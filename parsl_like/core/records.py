"""Records: what happened, for people and tools to read later. Versioned; an unknown field is to be ignored.

A record is (kind, time, subject, fields). Kinds: ``run`` (start and end of a run), ``task`` (a new task),
``state`` (a task's change of public state), ``block`` (a block's job changed), ``decision`` (a scaling decision and
its reason), ``node`` (a manager came, changed or went), ``warning`` (something users should know).
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


def task_record(raw: tuple[float, int, int, int, Any]) -> Record:
    """The record of a change of state that the machine announced as a bare tuple."""
    time, task, number, state, detail = raw
    if detail is None:
        return Record("state", time, task, {"state": States(state).name, "try": number})
    if state == States.pending:
        name, executor, depends = detail
        return Record("task", time, task, {"app": name, "executor": executor, "depends": depends})
    return Record("state", time, task, {"state": States(state).name, "try": number, **detail_fields(detail)})


def detail_fields(detail: Any) -> dict[str, Any]:
    """What is said of a change of state beside its name: an error's text, or when and where the try ran."""
    if isinstance(detail, tuple):
        started, ended, place = detail
        return {"started": started, "ended": ended, "place": place}
    return {"reason": f"{type(detail).__name__}: {detail}"[:1000]}
