"""Phases of a task inside the machine, and the public states they show as.

The public names and numbers are Parsl's (``parsl.dataflow.states``), so that programs which compare or print
them go on working.
"""

from __future__ import annotations

from enum import IntEnum


class States(IntEnum):
    """What users, records and retry handlers see of a task."""

    unsched = -1
    """Known, not yet looked at (Parsl 1.2's name; never shown by this engine)."""
    pending = 0
    """Waits for its dependencies, or for its arguments to be put in place."""
    running = 2
    """A worker runs it; only in records, sent by the worker."""
    exec_done = 3
    """Ended well."""
    failed = 4
    """Ended badly and will not be tried again."""
    dep_fail = 5
    """Never ran, because something it depends on failed."""
    launched = 7
    """Handed to an executor."""
    fail_retryable = 8
    """A try failed and another one follows."""
    memo_done = 9
    """Its result was remembered from an earlier call; it did not run."""
    joining = 10
    """A join app's body has ended; its inner futures have not all done so."""
    running_ended = 11
    """A worker has finished it; only in records."""

    def __str__(self) -> str:
        return f"States.{self.name}"


FINAL_STATES = frozenset({States.exec_done, States.memo_done, States.failed, States.dep_fail})
"""States that never change again."""

FINAL_FAILURE_STATES = frozenset({States.failed, States.dep_fail})
"""Final states in which the future holds an exception."""


class Phase(IntEnum):
    """Where a task is in the machine; ``docs/internals/task-states.md`` has a paragraph for each."""

    new = 0
    waiting = 1
    preparing = 2
    launched = 3
    joining = 4
    attached = 5
    remembering = 6
    done = 7
    recalled = 8
    failed = 9
    dep_failed = 10
    cancelled = 11


FINAL_PHASES = frozenset({Phase.done, Phase.recalled, Phase.failed, Phase.dep_failed, Phase.cancelled})
"""Phases a task never leaves."""

_STATE_OF_PHASE: dict[Phase, States] = {
    Phase.new: States.pending,
    Phase.waiting: States.pending,
    Phase.preparing: States.pending,
    Phase.launched: States.launched,
    Phase.joining: States.joining,
    Phase.attached: States.pending,
    Phase.remembering: States.launched,
    Phase.done: States.exec_done,
    Phase.recalled: States.memo_done,
    Phase.failed: States.failed,
    Phase.dep_failed: States.dep_fail,
    Phase.cancelled: States.failed,
}


def state_of(phase: int) -> States:
    """The public state a phase shows as."""
    return _STATE_OF_PHASE[Phase(phase)]
