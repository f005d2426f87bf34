"""The jobs thread: looks after the blocks of all executors of a run."""

from __future__ import annotations

import logging
import random
import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from parsl_like.core.records import Record
from parsl_like.errors import ConfigurationError
from parsl_like.jobs.options import SupplyOptions
from parsl_like.jobs.supply import BlockSupply, Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from parsl_like.core.ids import BlockId, JobId
    from parsl_like.core.limits import BlockLimits
    from parsl_like.core.ports import Clock, ElasticSession, ProviderSession
    from parsl_like.jobs.policy import ScalingPolicy
    from parsl_like.providers.status import JobStatus

logger = logging.getLogger(__name__)

THREAD_NAME = "parsl-like-jobs"
LONGEST_WAIT_S = 60.0
NUDGE_GAP_S = 0.02
"""Decisions that somebody asks for are no closer together than this."""
RELEASE_S = 10.0
"""How long the closing of a provider's session is waited for, after the deadline if need be."""


class JobPoller:
    """Starts, watches, scales and ends the blocks of executors, on one thread of its own.

    Guarantees: nothing a provider does, or fails to do, stops the thread or the other executors; an executor that can
    get no blocks is failed with the reason; after ``close`` no job that was submitted is left, or the ones that are
    left were named. Every method may be called from any thread.

    Args:
        record: Takes records; called on the jobs thread.
        clock: The time.
        period: Seconds between two decisions, if nothing happens in between.
        max_idle: Seconds of idleness after which a block is not needed.
        jitter: Gives random numbers from 0 to 1, by which waits are spread.
    """

    def __init__(
        self,
        *,
        record: Callable[[Record], None],
        clock: Clock,
        period: float = 5.0,
        max_idle: float = 120.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._record = record
        self._clock = clock
        self._period = period
        self._max_idle = max_idle
        self._jitter = jitter
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._supplies: dict[str, BlockSupply] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._nudged = False
        self._nudge_at = float("-inf")
        self._closing = False
        self._deadline: float | None = None

    def start(self) -> None:
        """Start the thread; does nothing if it runs. ``add`` does so too."""
        with self._lock:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
                self._thread.start()

    def add(
        self,
        session: ElasticSession,
        provider: ProviderSession,
        limits: BlockLimits,
        policy: ScalingPolicy,
        *,
        description: object = None,
        error_handler: bool | Callable[[Any, Mapping[str, JobStatus]], None] = True,
        adopted: Mapping[BlockId, JobId] | None = None,
    ) -> None:
        """Look after an executor from now on; its initial blocks are asked for at once.

        Args:
            session: The executor.
            provider: Where its blocks come from; closed at the end.
            limits: How many there may be.
            policy: How many there should be.
            description: The provider's description; it says how often to ask for the state of jobs and how long to
                wait for what.
            error_handler: True: the executor fails when no block can be had. False: it never does. A function, as
                Parsl's ``block_error_handler``: it is asked instead, after each change, with all blocks by id.
            adopted: Blocks that an earlier run of the program has left, with their jobs: they count as blocks of this
                one, and as initial ones.

        Raises:
            ConfigurationError: another executor has its label, or ``close`` was called.
        """
        options = SupplyOptions.from_provider(
            description, decision_period=self._period, max_idle=self._max_idle, error_handler=error_handler
        )
        surroundings = Surroundings(self._record, self._clock, self._jitter, self._inbox.put, self.nudge)
        supply = BlockSupply(session, provider, limits, policy, options=options, surroundings=surroundings)
        with self._lock:
            if self._closing:
                raise ConfigurationError(f"Executor {session.label} was added to a run that ends.")
            if session.label in self._supplies:
                raise ConfigurationError("label", session.label, "a name that no other executor of the run has")
            self._supplies = {**self._supplies, session.label: supply}
            self._inbox.put(partial(supply.begin, dict(adopted or {})))
        self.start()

    def nudge(self) -> None:
        """Decide soon, because tasks came or ended or a manager connected; costs next to nothing.

        The first call wakes the thread at once; those of the next moments are one.
        """
        if not self._nudged:
            self._nudged = True
            self._inbox.put(_wake)

    def scale_out(self, label: str, count: int) -> None:
        """Ask for more blocks for an executor, whatever its policy thinks."""
        supply = self._supplies[label]
        self._inbox.put(lambda: supply.scale_out(count))

    def scale_in(self, label: str, blocks: Iterable[BlockId]) -> None:
        """Let blocks of an executor go, whatever its policy thinks."""
        supply, chosen = self._supplies[label], tuple(blocks)
        self._inbox.put(lambda: supply.scale_in(chosen))

    def leave(self, label: str, timeout: float) -> bool:
        """Look after the blocks of an executor no more; its jobs go on, for whoever takes them over.

        Args:
            label: The executor.
            timeout: Seconds to wait for what is under way: a submission that has not come back would be of a job that
                nobody knows.

        Returns:
            Whether nothing is under way any more.
        """
        done = threading.Event()
        supply = self._supplies[label]
        self._inbox.put(partial(supply.leave, done.set))
        return done.wait(timeout)

    def status(self) -> Mapping[str, Mapping[str, Any]]:
        """By executor: its live blocks, limits, the last decision and the last trouble, as plain data."""
        return {label: supply.snapshot for label, supply in self._supplies.items()}

    def close(self, deadline: float) -> None:
        """End all jobs, by asking and then by force, and the thread; calling it again does nothing.

        Args:
            deadline: Monotonic seconds by which it is to be over. Jobs that still run then are named in a record.
        """
        with self._lock:
            thread, first = self._thread, not self._closing
            self._closing = True
        if thread is None:
            return
        if first:
            self._inbox.put(lambda: self._begin_close(deadline))
        thread.join(max(0.0, deadline - self._clock.monotonic()) + RELEASE_S)

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._finished():
                self._wait()
                self._pass_nudge_on()
                for label, supply in self._supplies.items():
                    self._guarded(label, supply.step)
        except Exception as error:
            logger.exception("the jobs thread ends, and with it every executor that needs blocks")
            for label, supply in self._supplies.items():
                try:
                    supply.crash(error)
                except Exception:  # an executor may be a plugin's; the others have to be told, too
                    logger.exception("executor %s could not be told that the jobs thread has ended", label)
            return
        for label, supply in self._supplies.items():
            left = (self._deadline or 0.0) - self._clock.monotonic()
            self._guarded(label, lambda supply=supply, left=left: supply.release(max(left, 1.0)))  # type: ignore[misc]
        self._serve()  # a job that came to be at the last moment must not be forgotten

    def _wait(self) -> None:
        """Until something is in the inbox or due, then do what is in the inbox."""
        now = self._clock.monotonic()
        due = min((supply.next_due() for supply in self._supplies.values()), default=now + LONGEST_WAIT_S)
        if self._nudged:
            due = min(due, self._nudge_at)
        if self._deadline is not None:
            due = min(due, self._deadline)
        try:
            message = self._inbox.get(timeout=min(max(0.0, due - now), LONGEST_WAIT_S))
        except Empty:
            return
        self._guarded("", message)
        self._serve()

    def _serve(self) -> None:
        """Do what is in the inbox."""
        while not self._inbox.empty():
            self._guarded("", self._inbox.get())

    def _guarded(self, label: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # a policy, executor or provider may be a plugin's; the other executors go on
            logger.exception("looking after the blocks of %s failed", label or "an executor")
            text = f"looking after blocks failed: {type(error).__name__}: {error}"
            self._record(Record("warning", self._clock.wall(), label, {"text": text}))

    def _pass_nudge_on(self) -> None:
        now = self._clock.monotonic()
        if self._nudged and now >= self._nudge_at:
            self._nudged = False
            self._nudge_at = now + NUDGE_GAP_S
            for supply in self._supplies.values():
                supply.nudge()

    def _begin_close(self, deadline: float) -> None:
        self._deadline = deadline
        for supply in self._supplies.values():
            supply.close(deadline)

    def _finished(self) -> bool:
        if self._deadline is None:
            return False
        return self._clock.monotonic() >= self._deadline or all(supply.finished for supply in self._supplies.values())


def _wake() -> None:
    """Nothing but a reason for the thread to look."""
