"""Executors with methods of a user's own, and plain pools, as sessions: ``start``, ``submit``, ``shutdown`` as written.

Whatever such an executor does may take its time, so a thread of its own calls it, never the kernel's owner. A future
it gives becomes an event when it ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, Self

from parsl_like.core.limits import ExecutorLoad
from parsl_like.errors import ConfigurationError, ExecutorError
from parsl_like.executors.base import DescribedSession, ParslExecutor, is_foreign
from parsl_like.executors.fields import own_lists
from parsl_like.executors.outcomes import SUCCEEDED, failure
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from parsl_like.core.events import RawEvent
    from parsl_like.core.ids import AttemptId
    from parsl_like.core.ports import Attempt, ExecutorSession, RunContext

logger = logging.getLogger(__name__)


@dataclass
class PoolExecutor(ParslExecutor):
    """A ``concurrent.futures`` executor that a program made and keeps: tasks run on it, a run never shuts it down."""

    pool: Executor = field(metadata={"help": "The executor; it stays the program's own."})
    label: str = field(default="", metadata={"help": "The executor's name; '' for the name of the pool's class."})
    storage_access: Sequence[Any] | None = field(
        default=None, metadata={"help": "How files reach tasks, tried in order; None for the defaults."}
    )
    working_dir: Any = field(
        default=None, metadata={"help": "Where staged files are put; None for the pool's own directory."}
    )

    def __post_init__(self) -> None:
        self.label = self.label or type(self.pool).__name__
        own_lists(self)

    def sealed(self) -> Self:
        """A copy for one run, so that several may share the pool."""
        twin = type(self)(self.pool, self.label, self.storage_access, self.working_dir)
        twin.check()
        return twin

    def start(self) -> None:
        """Nothing: the pool runs already."""

    def submit(self, func: Callable[..., Any], resource_specification: Any, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future of the pool's own.

        Raises:
            InvalidResourceSpecification: a specification was given; plain pools heed none.
        """
        self.validate_resource_spec(resource_specification)
        return self.pool.submit(func, *args, **kwargs)

    def shutdown(self, timeout: float | None = None, **_ignored: Any) -> bool:
        """Nothing: whoever made the pool ends it."""
        return True


class LegacySession(DescribedSession):
    """A running executor with methods of its user's own.

    Args:
        executor: The user's object itself, started here.
        context: The run.

    Raises:
        ExecutorError: it serves another run at this moment, or its ``start`` raised.
    """

    wants: Literal["objects", "bytes"] = "objects"

    def __init__(self, executor: ParslExecutor, context: RunContext) -> None:
        super().__init__(executor, run_dir=context.run.run_dir, run_id=context.run.run_id)
        self.label = context.label
        self._executor = executor
        self._wake = context.wake
        self._wall = context.clock.wall
        self._calls: SimpleQueue[Attempt | None] = SimpleQueue()
        self._futures: dict[int, Future[Any]] = {}
        self._done: deque[RawEvent] = deque()
        self._signalled = False
        self._unwanted: set[int] = set()
        self._submitted = 0
        self._returned = 0
        _refuse_second_run(executor)
        executor.run_dir = context.run.run_dir
        executor.run_id = context.run.run_id
        try:
            executor.start()
        except Exception as error:  # the user's own code; the cause stays attached
            raise ExecutorError(executor, f"its start() raised {type(error).__name__}: {error}.") from error
        self._thread = threading.Thread(target=self._serve, name=f"parsl-like-{context.label}-submit", daemon=True)
        self._thread.start()

    # --- by the owner --------------------------------------------------------------------------------------------

    def fds(self) -> Sequence[int]:
        """None: ends of futures are announced through the context's ``wake``."""
        return ()

    def pump(self) -> Sequence[RawEvent]:
        """All that has ended since the last call."""
        self._signalled = False
        events = [self._done.popleft() for _ in range(len(self._done))]
        self._returned += len(events)
        for _, attempt, _ in events:
            self._futures.pop(attempt, None)
            self._unwanted.discard(attempt)
        return events

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Queue attempts for the thread that calls the user's ``submit``."""
        self._submitted += len(attempts)
        for attempt in attempts:
            self._calls.put(attempt)

    def cancel(self, attempts: Iterable[AttemptId]) -> None:
        """Attempts not yet handed over never will be; of the others the future is asked to cancel."""
        for attempt in attempts:
            self._unwanted.add(attempt)
            future = self._futures.get(attempt)
            if future is not None:
                future.cancel()

    def load(self) -> ExecutorLoad:
        """What there is to do; how much it can do at once is not known."""
        return ExecutorLoad(self.label, self._submitted - self._returned, 1)

    def close(self, *, deadline: float) -> None:
        """Let the user's ``shutdown`` run, and wait for it until ``deadline``."""
        self._signalled = True  # nobody is to be woken any more
        for future in list(self._futures.values()):
            future.cancel()
        self._calls.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(max(0.0, deadline - time.monotonic()))
            if self._thread.is_alive():
                logger.warning(
                    "executor %s does not come back from its submit or shutdown; it is left alone", self.label
                )

    # --- questions programs ask ----------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        """Tasks submitted and not yet finished."""
        return self.load().outstanding

    # --- on the submitting thread --------------------------------------------------------------------------------

    def _serve(self) -> None:
        while (attempt := self._calls.get()) is not None:
            self._hand_over(attempt)
        try:
            self._executor.shutdown()
        except Exception:  # the user's own code, at the root of its thread
            logger.exception("shutdown() of executor %s raised", self.label)

    def _hand_over(self, attempt: Attempt) -> None:
        identity = attempt.attempt_id
        if identity in self._unwanted:
            self._end(failure(identity, ExecutorError(self.label, "the attempt was cancelled before it began.")))
            return
        started = self._wall()
        try:
            future = self._executor.submit(
                attempt.function, dict(attempt.resources or {}), *attempt.args, **(attempt.kwargs or {})
            )
            if not isinstance(future, Future):
                raise TypeError(f"submit() of executor {self.label} returned {future!r}, not a Future")
        except BaseException as error:  # noqa: BLE001 - the user's own code; the task fails, the thread goes on
            self._end(failure(identity, error))
            return
        self._futures[identity] = future
        if identity in self._unwanted:
            future.cancel()
        future.add_done_callback(
            lambda ended: self._end(_event_of(identity, ended, (started, self._wall(), str(self.label))))
        )

    # --- on any thread -------------------------------------------------------------------------------------------

    def _end(self, event: RawEvent) -> None:
        self._done.append(event)
        if not self._signalled:
            self._signalled = True
            self._wake()


def _event_of(attempt: int, future: Future[Any], report: tuple[float, float, str]) -> RawEvent:
    if future.cancelled():
        return failure(attempt, ExecutorError(report[2], "it cancelled the attempt."), report)
    error = future.exception()
    if error is not None:
        return failure(attempt, error, report)
    return (SUCCEEDED, attempt, (future.result(), report))


def _refuse_second_run(executor: ParslExecutor) -> None:
    try:
        executor.live_session()
    except ConfigurationError:
        return
    raise ExecutorError(
        executor,
        "it has methods of its own, is therefore shared and not copied, and serves another run at this moment.",
        hint="make a second object for the second run.",
    )


def as_executor(given: object) -> ParslExecutor:
    """What a program gave as an executor, as one: plain pools are wrapped.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(given, ParslExecutor):
        return given
    if isinstance(given, Executor):
        return PoolExecutor(given)
    raise ConfigurationError(
        "Config.executors", given, "executors of this package, subclasses of ParslExecutor or pools"
    )


@hookimpl
def parsl_like_open_executor(description: ParslExecutor, context: RunContext) -> ExecutorSession | None:
    """A session for an executor whose methods are a user's own."""
    return LegacySession(description, context) if is_foreign(description) else None
