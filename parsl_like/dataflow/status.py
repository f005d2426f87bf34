"""The health of a run, without reading a log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel


def kernel_status(kernel: DataFlowKernel) -> dict[str, Any]:
    """Facts about a kernel as plain data.

    Returns:
        ``run`` (ids, directory, seconds so far), ``tasks`` (by public state, outstanding, retried by app, losses, stale
        news dropped), ``executors`` (load of each by label), ``blocks`` (by executor), ``threads`` (backlog of each
        service, and what is stalled).
    """
    machine = kernel.machine
    return {
        "run": {
            "id": kernel.run_id,
            "dir": kernel.run_dir,
            "open": kernel.is_open,
            "seconds": round(time.time() - kernel.time_began, 3),
        },
        "tasks": {
            "states": machine.summary(),
            "outstanding": kernel.submission.outstanding,
            "retried": dict(machine.retried),
            "losses": machine.losses,
            "stale": machine.stale,
        },
        "executors": {label: _load(session) for label, session in kernel.executors.items()},
        "blocks": kernel._poller.status() if kernel._poller is not None else {},
        "threads": {
            "kernel": {"alive": kernel._loop.alive, "backlog": kernel._loop.backlog},
            "completion": {"backlog": kernel._completion.backlog, "busy": kernel._completion.busy_with is not None},
            "prepare": {"backlog": kernel._prepare.backlog, "busy": kernel._prepare.busy_with is not None},
        },
    }


def _load(session: Any) -> dict[str, Any]:
    load = session.load()
    facts = {
        "outstanding": load.outstanding,
        "slots": load.slots,
        "blocks": list(load.connected),
        "idle": list(load.idle_blocks),
    }
    if hasattr(session, "health"):
        facts.update(session.health())
    return facts
