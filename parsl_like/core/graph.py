"""Who waits for whom: counters on the waiting side, lists on the other, linear in the number of edges."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.core.task import TaskRow


def connect(row: TaskRow, rows: MutableMapping[int, TaskRow], foreign: MutableMapping[int, TaskRow]) -> None:
    """Register a new row with everything it still waits for, and count that in ``row.unresolved``.

    A task of this run that has no row any more has ended: its future holds what there is to know. A negative id is
    a foreign future, waited for in one place only.
    """
    unresolved = 0
    for dependency in row.depends:
        if dependency < 0:
            foreign[dependency] = row
            unresolved += 1
            continue
        source = rows.get(dependency)
        if source is None or source.phase >= FIRST_FINAL:
            row.missed = True
            continue
        if source.dependents is None:
            source.dependents = []
        source.dependents.append(row)
        unresolved += 1
    row.unresolved = unresolved


def disconnect(row: TaskRow, foreign: MutableMapping[int, TaskRow]) -> None:
    """Let go of the foreign futures that a row waits for: they may never end, and would keep it."""
    for dependency in row.depends:
        if dependency < 0:
            foreign.pop(dependency, None)


def release(row: TaskRow, error: object | None) -> Iterator[TaskRow]:
    """Tell the dependents of a row that has ended; yields those that wait for nothing more."""
    dependents, row.dependents = row.dependents, None
    for dependent in dependents or ():
        dependent.unresolved -= 1
        if error is not None:
            note_failure(dependent, f"task {row.id} ({row.app.name})", error)
        if dependent.unresolved == 0:
            yield dependent


def note_failure(row: TaskRow, name: str, error: object) -> None:
    """Remember that something a row depends on has failed, and what it is called; it still waits for the rest."""
    if row.failed_depends is None:
        row.failed_depends = []
    row.failed_depends.append((name, error))


FIRST_FINAL = 7
"""The first final phase; phases are ordered so that one comparison tells."""
