"""A manager whose driver has died, and whose block another run takes over: it begins anew, as one of that run.

It does so as a new program in the same process. Nothing of the dead run can come with it: no task, no result under a
number that means another task now, no module that was imported before the user has mended it.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from parsl_like.executors.high_throughput.options import ManagerOptions
    from parsl_like.executors.high_throughput.protocol import Adopted

MODULE = "parsl_like.executors.high_throughput.manager"


LEAST_S = 0.1
"""After so many seconds a manager is drained whose time was up before it could begin anew."""


class TakenOver(Exception):
    """The run of this manager is over, and another one wants it; raised when its workers are to end, or have.

    Args:
        options: What the manager was told.
        order: What it is to become.
    """

    def __init__(self, options: ManagerOptions, order: Adopted) -> None:
        super().__init__(f"run {order.run_id} takes over the manager of run {options.run_id}")
        self.options = successor(options, order)


def successor(options: ManagerOptions, order: Adopted) -> ManagerOptions:
    """What a manager is told when another run takes it over.

    Its name is a new one: whatever is still on its way under the old one is nobody's.

    Args:
        options: What it was told before.
        order: What is different now.
    """
    return dataclasses.replace(
        options,
        run_id=order.run_id,
        logdir=options.logdir if options.logs_stay else os.path.join(order.logdir, f"block-{options.block_id}"),
        python_path=tuple(order.python_path),
        uid=f"{options.uid}-{order.run_id[:8]}" if options.uid else "",
    )


def begin_anew(options: ManagerOptions, elapsed: float) -> NoReturn:
    """Run a manager in the place of this program, in the same process.

    Args:
        options: What it is told.
        elapsed: Seconds since this program began, which count for when it has to end.

    Raises:
        OSError: it cannot be started.
    """
    if options.drain_period is not None:
        options = dataclasses.replace(options, drain_period=max(LEAST_S, options.drain_period - elapsed))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", MODULE, *options.to_argv()])  # noqa: S606 - no shell is wanted
