"""The health of a run, without reading a log."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from parsl_like.core.states import FINAL_PHASES, Phase
from parsl_like.core.task import JoinTargets
from parsl_like.logconfigs.background import logs_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.core.ports import ExecutorSession
    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.services import Service

logger = logging.getLogger(__name__)

SHOWN = 3
"""How many of the oldest tasks are shown in each state."""
NAMED = 5
"""How many of the tasks that one waits for are named."""
LOOKED_AT = 10_000
"""How many unfinished tasks are looked at for that, from the first submitted on."""


def kernel_status(kernel: DataFlowKernel) -> dict[str, Any]:
    """Facts about a kernel as plain data; times are seconds since the epoch.

    Returns:
        ``run`` (ids, directory, seconds so far), ``tasks`` (by public state, outstanding, retried by app, losses, stale
        news dropped, those that take longest), ``executors`` (load of each by label, what is connected, what was lost,
        since when it is stalled), ``blocks`` (by executor), ``threads`` (backlog of each service, and since when it has
        been at one item), ``records`` and ``logs`` (what waits to be written, and what was dropped).
    """
    machine = kernel.machine
    return {
        "run": {
            "id": kernel.run_id,
            "dir": kernel.run_dir,
            "open": kernel.is_open,
            "seconds": round(time.time() - kernel._context.started, 3),
        },
        "tasks": {
            "states": machine.summary(),
            "outstanding": kernel.submission.outstanding,
            "retried": dict(machine.retried),
            "losses": machine.losses,
            "stale": machine.stale + sum(getattr(session, "stale", 0) for session in kernel.executors.values()),
            "oldest": oldest(machine.rows),
        },
        "executors": {
            label: _executor(session, kernel.health.stalls.since(label))
            for label, session in list(kernel.executors.items())
        },
        "blocks": kernel.health.blocks(),
        "threads": {
            "kernel": {"alive": kernel._loop.alive, "backlog": kernel._loop.backlog},
            "completion": {**_service(kernel._completion), "with": _owners(kernel._completion.busy_with)},
            "prepare": _service(kernel._prepare),
        },
        "records": kernel.recorder.status(),
        "logs": logs_in(kernel.run_dir),
    }


# --- tasks


def oldest(rows: Mapping[int, TaskRow]) -> dict[str, list[dict[str, Any]]]:
    """By public state, the tasks that have been in it for longest, and what they wait for.

    Args:
        rows: Those of the machine. Another thread changes them meanwhile, so each fact is true at its own moment.
    """
    unfinished = islice((row for row in list(rows.values()) if row.phase not in FINAL_PHASES), LOOKED_AT)
    by_state: dict[str, list[TaskRow]] = {}
    for row in unfinished:
        by_state.setdefault(row.state.name, []).append(row)
    return {
        state: [_task(row, rows) for row in heapq.nsmallest(SHOWN, group, key=_since)]
        for state, group in by_state.items()
    }


def _since(row: TaskRow) -> float:
    return row.launched or row.submitted


def _task(row: TaskRow, rows: Mapping[int, TaskRow]) -> dict[str, Any]:
    return {
        "task": row.id,
        "app": row.app.name,
        "executor": row.executor,
        "since": _since(row),
        "try": row.number,
        "losses": row.losses,
        "waits_for": _waits_for(row, rows),
    }


def _waits_for(row: TaskRow, rows: Mapping[int, TaskRow]) -> list[str]:
    if row.phase == Phase.waiting:
        awaited = [rows.get(task) for task in row.depends]
        names = [_name(each) for each in awaited if each is not None and each.phase not in FINAL_PHASES]
        if row.unresolved > len(names):
            names.append(f"{row.unresolved - len(names)} future(s) of others")
    elif row.phase == Phase.joining and isinstance(row.value, JoinTargets):
        names = [_future_name(future) for future in row.value.futures if not future.done()]
    elif row.phase == Phase.attached:
        names = [_name(leader)] if (leader := rows.get(row.value)) is not None else []
    else:
        return []
    return names if len(names) <= NAMED else [*names[:NAMED], f"{len(names) - NAMED} more"]


def _name(row: TaskRow) -> str:
    return f"task {row.id} ({row.app.name})"


def _future_name(future: Any) -> str:
    task = getattr(future, "tid", None)
    return "a future of others" if task is None else f"task {task} ({getattr(future, '_name', '?')})"


# --- executors


def _executor(session: ExecutorSession, stalled: float | None) -> dict[str, Any]:
    """How an executor is; one that cannot say so, perhaps foreign, must not hide the others."""
    try:
        return _load(session, stalled)
    except Exception as error:
        logger.exception("executor %s failed while it was asked how it is", session.label)
        return {"outstanding": 0, "slots": 0, "blocks": [], "idle": [], "error": f"it cannot say how it is: {error!r}"}


def _load(session: Any, stalled: float | None) -> dict[str, Any]:
    load = session.load()
    facts = {
        "outstanding": load.outstanding,
        "slots": load.slots,
        "blocks": list(load.connected),
        "idle": list(load.idle_blocks),
    }
    health: Callable[[], dict[str, Any]] | None = getattr(session, "health", None)
    if health is not None:
        facts.update(health())
        if facts.get("stalled") is not None and stalled is not None:
            facts["stalled"] = max(facts["stalled"], stalled)  # no worker for long, but nothing to do until then
    managers = getattr(session, "connected_managers", None)
    if managers is not None:
        facts["connected"] = [
            {
                "manager": each["manager"],
                "block": each["block_id"],
                "host": each["hostname"],
                "workers": each["worker_count"],
                "since": each["connected_since"],
                "draining": each["draining"],
            }
            for each in managers
        ]
    return facts


# --- threads


def _service(service: Service[Any]) -> dict[str, Any]:
    busy, since = service.busy_with is not None, service.busy_since
    return {"backlog": service.backlog, "busy": busy, "since": since if busy else None}


def _owners(owed: Any) -> str | None:
    """Whose callbacks are being run."""
    if not owed:
        return None
    names = [_future_name(future) for future, _ in owed]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
