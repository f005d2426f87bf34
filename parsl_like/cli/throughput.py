"""The rate at which a configuration runs tasks that do nothing."""

from __future__ import annotations

import ast
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.config import Config
    from parsl_like.dataflow.dflow import DataFlowKernel

Plan = Callable[["list[Batch]"], "int | None"]
"""The size of the next batch, given those that have ended; None if there is to be none."""

FIRST_BATCH: Final = 10
"""Tasks of the first batch: enough to start every worker of a small block, few enough for any."""

MOST_GROWTH: Final = 10
"""How many times larger than the one before a batch may be: the rate of a small one says little of a large one."""

NEAR: Final = 0.75
"""The part of the wanted time that is near enough; the last batch aims at all of it."""

MOST_OUTSTANDING: Final = 200_000
"""Futures kept at once: a batch of millions would measure the memory of this machine instead."""


@dataclass(frozen=True)
class Batch:
    """Tasks that were submitted together and waited for.

    Attributes:
        tasks: How many.
        submitting: Seconds until all were submitted.
        seconds: Seconds until all had ended.
    """

    tasks: int
    submitting: float
    seconds: float

    @property
    def per_second(self) -> float:
        """Tasks that ended, by second."""
        return self.tasks / self.seconds

    @property
    def submitted_per_second(self) -> float:
        """Tasks that were submitted, by second."""
        return self.tasks / self.submitting

    def facts(self) -> dict[str, float]:
        """All of it, for JSON."""
        return {**asdict(self), "tasks_per_second": self.per_second}


def estimated(last: Batch, target: float) -> int:
    """As many tasks as the rate so far says, within reason, and some more than before in any case."""
    return max(last.tasks + 1, min(int(last.per_second * target), last.tasks * MOST_GROWTH))


def doubled(last: Batch, target: float) -> int:
    """Twice as many tasks, whatever the target."""
    return 2 * last.tasks


def plan(mode: str, target: float) -> Plan:
    """How batches grow.

    Args:
        mode: ``estimate``, ``exponential``, or sizes, as in ``"100,1000"``.
        target: Seconds that the last batch should take, unless there are sizes.

    Raises:
        ConfigurationError: the mode is none of these.
    """
    if mode in GROWTH:
        return lambda batches: _grown(batches, GROWTH[mode], target)
    try:
        sizes = [int(part) for part in mode.split(",")]
    except ValueError:
        sizes = [0]
    if min(sizes) < 1:
        raise ConfigurationError("--iterate", mode, "estimate, exponential, or sizes such as 100,1000")
    return lambda batches: sizes[len(batches)] if len(batches) < len(sizes) else None


def _grown(batches: list[Batch], grow: Callable[[Batch, float], int], target: float) -> int | None:
    if not batches:
        return FIRST_BATCH
    return None if batches[-1].seconds >= NEAR * target else grow(batches[-1], target)


GROWTH: Final = {"estimate": estimated, "exponential": doubled}


def measured(
    config: Config,
    growth: Plan,
    resources: dict[str, Any] | None = None,
    argsize: int = 0,
    tell: Callable[[Batch], None] | None = None,
) -> list[Batch]:
    """Run batches, one after another.

    Args:
        config: On what.
        growth: How many tasks the next one has, given those that have ended; None to stop.
        resources: What each task asks for.
        argsize: Bytes that are added to the arguments of each task.
        tell: Called with each batch, when it has ended.

    Raises:
        Exception: a task failed; its own exception.
    """
    from parsl_like.dataflow.dflow import DataFlowKernel

    batches: list[Batch] = []
    kernel = DataFlowKernel(config)
    try:
        run = _submitter(kernel, resources, argsize)
        while (size := growth(batches)) is not None:
            batches.append(_batch(run, size))
            if tell is not None:
                tell(batches[-1])
    finally:
        kernel.cleanup()
    return batches


def _submitter(kernel: DataFlowKernel, resources: dict[str, Any] | None, argsize: int) -> Callable[[], Future[None]]:
    from parsl_like.app.app import python_app

    # Within a function, so that it travels as the apps of a script do, and workers import nothing for it.
    def nothing(ballast: bytes) -> None:
        pass

    app = python_app(nothing, data_flow_kernel=kernel)
    keywords: dict[str, Any] = {} if resources is None else {"parsl_resource_specification": resources}
    ballast = b"x" * argsize
    return lambda: app(ballast, **keywords)


def _batch(run: Callable[[], Future[None]], size: int) -> Batch:
    outstanding: deque[Future[None]] = deque()
    start = time.perf_counter()
    for _ in range(size):
        if len(outstanding) >= MOST_OUTSTANDING:
            outstanding.popleft().result()
        outstanding.append(run())
    submitted = time.perf_counter()
    for future in outstanding:
        future.result()
    end = time.perf_counter()
    return Batch(size, submitted - start, end - start)


def specification(text: str | None) -> dict[str, Any] | None:
    """A resource specification from the command line.

    Args:
        text: A dict as Python writes it; None for none.

    Raises:
        ConfigurationError: it is none.
    """
    if text is None:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if not isinstance(value, dict):
        raise ConfigurationError("--resources", text, "a dict such as {'cores': 1}")
    return value
