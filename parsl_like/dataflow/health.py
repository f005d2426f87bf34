"""What a kernel needs to say how it is: the watch over tasks that wait in vain, the last look before the end."""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from parsl_like.core.records import Record
from parsl_like.dataflow.stalls import StallWatch
from parsl_like.dataflow.telling import tell
from parsl_like.dataflow.troubles import lasting, present, summed, trouble

if TYPE_CHECKING:
    from parsl_like.core.ports import ExecutorSession
    from parsl_like.dataflow.dflow import DataFlowKernel

logger = logging.getLogger(__name__)


class Health:
    """How a kernel is.

    Args:
        kernel: The kernel.

    Attributes:
        stalls: To be polled by the kernel's loop as soon as there is an executor to watch.
    """

    def __init__(self, kernel: DataFlowKernel) -> None:
        self._kernel = kernel
        self._frozen: list[dict[str, Any]] | None = None
        self._watches = False
        self._of_checkpoint: list[dict[str, Any]] = []
        self.stalls = StallWatch(self.blocks, self._warn)

    def watch(self, session: ExecutorSession) -> bool:
        """Watch an executor; True for the first one."""
        self.stalls.add(session)
        first, self._watches = not self._watches, True
        return first

    def freeze(self) -> None:
        """The run ends: what is wrong now is what was wrong with it, and what ends from here on ends on purpose."""
        self._frozen = present(self._kernel.status(), self._kernel._clock.wall())

    def troubles(self) -> list[dict[str, Any]]:
        """Everything that went wrong so far, the gravest first."""
        status = self._kernel.status()
        now = present(status, self._kernel._clock.wall()) if self._frozen is None else self._frozen
        stalls = [
            entry
            for label, troubles in list(self.stalls.troubles.items())
            for entry in summed(f"executor {label}", troubles.described())
        ]
        return [*now, *stalls, *lasting(status), *self._of_checkpoint]

    def warn_of_checkpoint(self, text: str) -> None:
        """Say what is wrong with a checkpoint; on any thread, also while the kernel is being put together."""
        kernel, now = self._kernel, self._kernel._clock.wall()
        self._of_checkpoint.append(trouble("checkpoint", "warning", text, since=now, last=now))
        kernel.recorder.record(Record("warning", now, "checkpoint", {"text": text}))
        say = partial(_say, text, "Results are not affected.", kernel.run_dir)
        prepare = getattr(kernel, "_prepare", None)
        if prepare is None or not prepare.lives:
            say()
        else:
            prepare.put(say)  # a terminal that takes nothing must not hold up whoever writes the checkpoint

    def blocks(self) -> dict[str, dict[str, Any]]:
        """By executor: its live blocks, how earlier ones ended, and what went wrong with them."""
        kernel = self._kernel
        return kernel.block_history.joined(kernel._poller.status()) if kernel._poller is not None else {}

    def _warn(self, label: str, text: str, hint: str) -> None:
        """Say that tasks wait in vain; on the owner thread, which must not wait for a terminal."""
        kernel = self._kernel
        kernel.recorder.record(Record("warning", kernel._clock.wall(), label, {"text": text, "hint": hint}))
        first = f"executor {label}: {text}"
        kernel._prepare.put(partial(_say, first, f"Try: {hint}", kernel.run_dir))


def _say(first: str, hint: str, run_dir: str) -> tuple[()]:
    tell(logger, first, [hint], f"More is in {os.path.join(run_dir, 'parsl_like.log')} and in dfk.status().")
    return ()
