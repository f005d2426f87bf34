"""The picture of the system: what each event does to a task in each phase.

``TRANSITIONS`` is the table; the functions below are its rows. ``docs/internals/task-states.md`` has a paragraph for
each phase and the same table for people; a test compares the two. A pair that is not in the table, for an event
that is not stale, is an internal error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType
from parsl_like.core.graph import connect, disconnect, note_failure
from parsl_like.core.ids import TaskId
from parsl_like.core.retry import may_retry, may_run_again
from parsl_like.core.states import Phase, States
from parsl_like.core.task import JoinTargets, TaskRow

if TYPE_CHECKING:
    from parsl_like.core.machine import TaskMachine

Transition = Callable[["TaskMachine", TaskRow, Any], None]

IN_FLIGHT = (Phase.launched, Phase.joining, Phase.remembering)
"""Phases of a task whose call runs, or has run: equal ones wait for its end."""


def submit(machine: TaskMachine, row: TaskRow, _data: Any) -> None:
    """A new task waits, or goes on at once."""
    machine.rows[row.attempt_id >> 16] = row
    row.submitted = machine.now
    app = row.app
    machine.out.records.append((machine.now, row.attempt_id >> 16, 0, 0, (app.name, row.executor, row.depends)))
    if row.depends:
        connect(row, machine.rows, machine.foreign)
        if row.unresolved:
            machine.move(row, Phase.waiting)
            return
    machine.advance(row)


def dependency_done(machine: TaskMachine, row: TaskRow, failed: Any) -> None:
    """A foreign future that a waiting task needs has ended: well, or with a name and an error."""
    row.unresolved -= 1
    if failed is not None:
        note_failure(row, *failed)
    if row.unresolved == 0:
        machine.advance(row)


def prepared(machine: TaskMachine, row: TaskRow, call: Any) -> None:
    """The call is packed: launch it."""
    row.function, row.args, row.kwargs, row.body, row.buffers = call
    row.ready = True
    machine.launch(row)


def recalled(machine: TaskMachine, row: TaskRow, value: Any) -> None:
    """A remembered result ends the task without running it."""
    machine.settle(row, Phase.recalled, value)


def attached(machine: TaskMachine, row: TaskRow, leader: int) -> None:
    """An equal call is in flight: its end will be this one's, unless it has ended meanwhile."""
    followed = machine.rows.get(leader)
    if followed is None or followed.phase not in IN_FLIGHT:
        machine.out.release.append((TaskId(leader), row.key or ""))
        machine.prepare(row)
        return
    machine.move(row, Phase.attached)
    row.value = leader
    machine.followers.setdefault(leader, []).append(row)


def dependencies_failed(machine: TaskMachine, row: TaskRow, failed: Any) -> None:
    """Something it depends on had failed before it was submitted, or its future cannot give its value."""
    row.failed_depends = list(failed)
    machine.settle(row, Phase.dep_failed, machine.dependency_error(row.id, row.failed_depends))


def prepare_failed(machine: TaskMachine, row: TaskRow, error: Any) -> None:
    """It cannot even be started."""
    machine.release(row)
    machine.settle(row, Phase.failed, error)


def attempt_succeeded(machine: TaskMachine, row: TaskRow, data: Any) -> None:
    """The current try ended well: done, or on to the inner futures of a join app."""
    value, report = data
    if row.app.join:
        if isinstance(value, JoinTargets):
            row.value = value
            machine.move(row, Phase.joining)
            machine.announce(row, States.joining)
            machine.out.watch.append((row, value))
        else:
            machine.release(row)
            machine.settle(row, Phase.failed, machine.join_type_error(row.app.name, value))
        return
    if row.key is not None and machine.remember(row, data):
        return
    machine.settle(row, Phase.done, value, report)


def remembered(machine: TaskMachine, row: TaskRow, _data: Any) -> None:
    """The result is safe: it is the task's end."""
    value, report = row.value
    machine.settle(row, Phase.done, value, report)


def attempt_failed(machine: TaskMachine, row: TaskRow, data: Any) -> None:
    """The current try failed: another one if the budget allows, else the end."""
    error, cost, report = data
    row.fail_count += 1
    row.fail_cost += cost
    if may_retry(row, machine.retries):
        machine.retried[row.app.name] = machine.retried.get(row.app.name, 0) + 1
        machine.try_again(row, error)
    else:
        machine.release(row)
        machine.settle(row, Phase.failed, error, report)


def attempt_lost(machine: TaskMachine, row: TaskRow, data: Any) -> None:
    """The place of the current try is gone: run it again, free of charge if it had not started."""
    cause, started = data
    if started:
        machine.losses += 1
        row.losses += 1
    if may_run_again(row, machine.lost_retries):
        machine.try_again(row, cause)
    else:
        machine.release(row)
        machine.settle(row, Phase.failed, machine.loss_error(cause, row.losses))


def join_done(machine: TaskMachine, row: TaskRow, data: Any) -> None:
    """The inner futures have ended: so has the join app."""
    ok, value = data
    if ok and row.key is not None:
        if machine.remember(row, (value, None)):
            return
    elif not ok:
        machine.release(row)
    machine.settle(row, Phase.done if ok else Phase.failed, value)


def cancel(machine: TaskMachine, row: TaskRow, error: Any) -> None:
    """Stop what runs, and end."""
    if row.phase == Phase.launched:
        machine.out.cancel.append((row.attempt_id, row.executor))
    elif row.phase == Phase.waiting:
        disconnect(row, machine.foreign)
    if row.phase in IN_FLIGHT:
        machine.release(row)
    machine.settle(row, Phase.cancelled, error)


def cancel_too_late(machine: TaskMachine, row: TaskRow, _error: Any) -> None:
    """The result is there, if not yet as safe as it was to be: it is the end all the same."""
    remembered(machine, row, None)


def let_go(machine: TaskMachine, row: TaskRow, error: Any) -> None:
    """Follow no longer, and end."""
    rows = machine.followers[row.value]
    rows.remove(row)
    if not rows:
        del machine.followers[row.value]
    machine.settle(row, Phase.cancelled, error)


TRANSITIONS: Mapping[tuple[Phase, EventType], Transition] = {
    (Phase.new, EventType.SUBMITTED): submit,
    (Phase.waiting, EventType.DEPENDENCY_DONE): dependency_done,
    (Phase.preparing, EventType.PREPARED): prepared,
    (Phase.preparing, EventType.RECALLED): recalled,
    (Phase.preparing, EventType.ATTACHED): attached,
    (Phase.preparing, EventType.DEPENDENCIES_FAILED): dependencies_failed,
    (Phase.preparing, EventType.PREPARE_FAILED): prepare_failed,
    (Phase.launched, EventType.ATTEMPT_SUCCEEDED): attempt_succeeded,
    (Phase.launched, EventType.ATTEMPT_FAILED): attempt_failed,
    (Phase.launched, EventType.ATTEMPT_LOST): attempt_lost,
    (Phase.joining, EventType.JOIN_DONE): join_done,
    (Phase.remembering, EventType.REMEMBERED): remembered,
    (Phase.waiting, EventType.CANCEL_REQUESTED): cancel,
    (Phase.preparing, EventType.CANCEL_REQUESTED): cancel,
    (Phase.launched, EventType.CANCEL_REQUESTED): cancel,
    (Phase.joining, EventType.CANCEL_REQUESTED): cancel,
    (Phase.attached, EventType.CANCEL_REQUESTED): let_go,
    (Phase.remembering, EventType.CANCEL_REQUESTED): cancel_too_late,
}
