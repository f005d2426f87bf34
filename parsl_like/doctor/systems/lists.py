"""Queues of batch systems that are asked for little more than names: Grid Engine, LSF, Cobalt; HTCondor has none."""

from __future__ import annotations

from parsl_like.doctor.sightings import Queue
from parsl_like.doctor.systems.base import BatchSystem

COBALT_STATES = frozenset({"running", "stopped", "draining", "dead"})


def grid_engine() -> BatchSystem:
    """The questions for Grid Engine (manual: qconf(1))."""
    return BatchSystem("Grid Engine", "queue", "queue", ("qconf", "-sql"), read_names)


def lsf() -> BatchSystem:
    """The questions for LSF (manual: bqueues(1))."""
    needed = ("bsub", "bjobs", "bkill")
    return BatchSystem("LSF", "queue", "queue", ("bqueues", "-w"), read_bqueues, commands=needed)


def cobalt() -> BatchSystem:
    """The questions for Cobalt (manual: qstat(1))."""
    return BatchSystem("Cobalt", "queue", "queue", ("qstat", "-Q"), read_cobalt, commands=("qsub", "qstat", "qdel"))


def condor() -> BatchSystem:
    """The questions for HTCondor (manual: condor_q(1)): whether its scheduler answers."""
    needed = ("condor_submit", "condor_q", "condor_rm")
    return BatchSystem("HTCondor", "queue", "queue", ("condor_q", "-totals"), lambda _: (), commands=needed)


def read_names(text: str) -> tuple[Queue, ...]:
    """One queue on each line."""
    return tuple(Queue(line.strip()) for line in text.splitlines() if line.strip())


def read_bqueues(text: str) -> tuple[Queue, ...]:
    """Queues from ``bqueues -w``: the name, the priority, and whether it is open and active."""
    rows = [line.split() for line in text.splitlines()]
    return tuple(
        Queue(row[0], open=row[2] == "Open:Active", state=row[2])
        for row in rows
        if len(row) > 2 and row[0] != "QUEUE_NAME"
    )


def read_cobalt(text: str) -> tuple[Queue, ...]:
    """Queues from ``qstat -Q``: a table whose first column is the name, and one of whose columns is the state."""
    head, *rows = [line.split() for line in text.splitlines() if line.strip()] or [[]]
    if head[:1] != ["Name"]:
        return ()
    found = [(row[0], next((word for word in row[1:] if word in COBALT_STATES), "running")) for row in rows]
    return tuple(Queue(name, open=state == "running", state=state) for name, state in found if name.strip("="))
