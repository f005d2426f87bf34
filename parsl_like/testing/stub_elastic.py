"""An executor that runs nothing: it says what load it has, and notes what it is told about its blocks."""

from __future__ import annotations

import dataclasses
import math
import threading
from typing import TYPE_CHECKING, Any, Literal

from parsl_like.core.ids import BlockId, ExecutorLabel
from parsl_like.core.limits import ExecutorLoad
from parsl_like.core.ports import BlockRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.core.ports import BlockKeeper


class StubElasticSession:
    """Satisfies ``core.ports.ElasticSession``, for tests of providers and policies without workers.

    Args:
        label: The executor's name.
        command: What its blocks run.

    Attributes:
        drained: Blocks that were told to take nothing new.
        ended: What was said of blocks that are over, by block.
        failures: The errors it was failed with.
    """

    wants: Literal["objects", "bytes"] = "bytes"

    def __init__(self, label: str = "stub", command: str = "true") -> None:
        self.label = ExecutorLabel(label)
        self.drained: list[BlockId] = []
        self.ended: dict[BlockId, str] = {}
        self.failures: list[BaseException] = []
        self.keeper: BlockKeeper | None = None
        self._command = command
        self._load = ExecutorLoad(self.label, 0, 0)
        self._nudge: Callable[[], None] = _ignore
        self._changed = threading.Condition()

    # --- for the test --------------------------------------------------------------------------------------------

    def set_load(self, **facts: Any) -> None:
        """Change fields of the load it says it has; whoever wants to know is told if there is too much to do."""
        with self._changed:
            self._load = load = dataclasses.replace(self._load, **facts)
        if load.outstanding > load.slots:
            self._nudge()

    def wait_until(self, condition: Callable[[StubElasticSession], bool], timeout: float = 10.0) -> None:
        """Wait until what it was told makes a condition true.

        Raises:
            TimeoutError: it has not in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout):
                raise TimeoutError(f"after {timeout:g} s; ended: {self.ended}; failures: {self.failures}")

    # --- the port ------------------------------------------------------------------------------------------------

    def fds(self) -> Sequence[int]:
        """None."""
        return ()

    def pump(self) -> Sequence[Any]:
        """Nothing ever comes."""
        return ()

    def deadline(self) -> float:
        """Never."""
        return math.inf

    def submit(self, attempts: Sequence[Any]) -> None:
        """Refused: it runs nothing."""
        raise NotImplementedError("a StubElasticSession runs no tasks")

    def cancel(self, attempts: Sequence[Any]) -> None:
        """Nothing to do."""

    def load(self) -> ExecutorLoad:
        """What the test said."""
        with self._changed:
            return self._load

    def block_request(self, block: BlockId) -> BlockRequest:
        """The command, once."""
        return BlockRequest(block, self._command)

    def when_crowded(self, nudge: Callable[[], None]) -> None:
        """Note whom to tell."""
        self._nudge = nudge

    def drain(self, blocks: Sequence[BlockId]) -> None:
        """Note it."""
        with self._changed:
            self.drained.extend(blocks)
            self._changed.notify_all()

    def block_ended(self, block: BlockId, reason: str) -> None:
        """Note it."""
        with self._changed:
            self.ended[block] = reason
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Note it."""
        with self._changed:
            self.failures.append(error)
            self._changed.notify_all()

    def close(self, *, deadline: float) -> None:
        """Nothing to end."""


def _ignore() -> None:
    """Nobody wants to know yet."""
