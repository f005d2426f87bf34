"""A running executor with methods of its user's own: ``start``, ``submit``, ``shutdown`` as written.

Whatever such an executor does may take its time, so a thread of its own calls it, never the kernel's owner. A future
it gives becomes an event when it ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from parsl_like.core.limits import ExecutorLoad
from parsl_like.errors import ConfigurationError, ExecutorError
from parsl_like.executors.base import DescribedSession, ParslExecutor
from parsl_like.executors.outcomes import SUCCEEDED, failure

if TYPE_CHECKING:
    from parsl_like.core.events import RawEvent
    from parsl_like.core.ids import AttemptId
    from parsl_like.core.ports import Attempt, RunContext

logger = logging.getLogger(__name__)


_ASKED_OF_SESSIONS = frozenset({"health", "keeper", "block_request", "when_crowded", "drain", "block_ended", "fail"})
"""What a kernel looks for in sessions: what a user may have given such a name is something else."""


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
        self._start()
        self._thread = threading.Thread(target=self._serve, name=f"parsl-like-{context.label}-submit", daemon=True)
        self._thread.start()

    def _start(self) -> None:
        try:
            self._executor.start()
        except Exception as error:  # the user's own code; the cause stays attached
            reason = f"its start() raised {type(error).__name__}: {error}."
            raise ExecutorError(self._executor, reason) from error

    if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong

        def __getattr__(self, name: str) -> Any:
            # Programs of Parsl's find their own object at dfk.executors[label], with all that they gave it.
            if name.startswith("_") or name in _ASKED_OF_SESSIONS or "_executor" not in self.__dict__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return getattr(self._executor, name)

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
