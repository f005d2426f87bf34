"""The owner thread: it alone touches the task machine, and it polls the executors' links.

One pass takes everything that has come, from the inbox and from every session, feeds it to the machine and carries
out the effects. The thread sleeps only when a pass found nothing, and is woken through a pipe only while it sleeps.
"""

from __future__ import annotations

import logging
import math
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from parsl_like.core.events import EventType, RawEvent
from parsl_like.core.states import Phase
from parsl_like.errors import BadStateException

if TYPE_CHECKING:
    from parsl_like.core.machine import TaskMachine
    from parsl_like.core.ports import ExecutorSession
    from parsl_like.core.task import TaskRow
    from parsl_like.dataflow.effects import LiveEffects

logger = logging.getLogger(__name__)

_CALL, _NEWS = -1, -2
_TIME_PASSED = int(EventType.TIME_PASSED)
_ATTEMPT_FAILED = int(EventType.ATTEMPT_FAILED)
_JOIN_SECONDS = 10.0

PASS_EVENTS = 4096
"""Events taken from the inbox at a time: results are looked at, and records written, in between."""
_LOOK_SECONDS = 0.2
_ASK_SECONDS = 0.2

CostRequest = Callable[[int, Any], None]


class KernelLoop:
    """The thread "parsl-like-kernel" and its inbox.

    Args:
        machine: The tasks; after ``start`` only this thread touches it.
        on_crash: Called on this thread if an exception has ended it, with that and the rows whose ends may be untold.

    Attributes:
        over: Whether the thread takes nothing any more; what is posted from then on is for whoever asks ``unread``.
    """

    def __init__(self, machine: TaskMachine, on_crash: Callable[[BaseException, Sequence[TaskRow]], None]) -> None:
        self.machine = machine
        self._effects: LiveEffects
        self._ask_cost: CostRequest | None = None
        self._on_crash = on_crash
        self._inbox: deque[RawEvent] = deque()
        self._batch: list[RawEvent] = []
        self._sessions: list[ExecutorSession] = []
        self._fds: dict[int, tuple[int, ...]] = {}
        self._deadlines: dict[str, Callable[[], float]] = {}
        self._ask_at = 0.0
        self.over = False
        self._asleep = False
        self._nudged = False
        self._stopping = False
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._receiver, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="parsl-like-kernel", daemon=True)

    def start(self, effects: LiveEffects, ask_cost: CostRequest | None = None) -> None:
        """Begin.

        Args:
            effects: Carries out what the machine wants done.
            ask_cost: Asked what a failure costs; answers later, by an event. None: every failure costs 1.
        """
        self._effects, self._ask_cost = effects, ask_cost
        self._thread.start()

    # --- from any thread ---------------------------------------------------------------------------------------

    def post(self, event: RawEvent) -> None:
        """Hand over one event; cheap, never waits."""
        self._inbox.append(event)
        if self._asleep:
            self.wake()

    def post_all(self, events: Sequence[RawEvent]) -> None:
        """Hand over several events with at most one wake-up."""
        self._inbox.extend(events)
        if self._asleep:
            self.wake()

    def post_news(self, events: Sequence[RawEvent]) -> None:
        """Hand over what an executor tells on another thread, as if it had told it when it was polled."""
        self.post((_NEWS, 0, events))

    def wake(self) -> None:
        """Have one more pass made, however the thread and the caller race; costs little if the thread is awake."""
        self._nudged = True
        if self._asleep:
            self._asleep = False
            try:
                self._sender.send(b"x")
            except OSError:  # full: it is being woken already; closed: it has ended
                return

    def call(self, function: Callable[[], Any], timeout: float = _JOIN_SECONDS) -> Any:
        """Run a function on the owner thread, between two passes, and return what it returns.

        Raises:
            TimeoutError: if the thread does not come to it in time, or has ended.
            Exception: what the function raised.
        """
        if threading.current_thread() is self._thread:
            return function()
        answered = threading.Event()
        answer: list[tuple[Any, BaseException | None]] = []

        def run() -> None:
            try:
                answer.append((function(), None))
            except BaseException as error:  # noqa: BLE001 - it is raised where it belongs, in the caller
                answer.append((None, error))
            answered.set()

        self.post((_CALL, 0, run))
        give_up = time.monotonic() + timeout
        while not answered.wait(min(_LOOK_SECONDS, max(0.0, give_up - time.monotonic()))):
            if self.over and not answered.is_set():
                raise TimeoutError("the kernel's owner thread has ended")
            if time.monotonic() >= give_up:
                raise TimeoutError(f"the kernel's owner thread did not answer within {timeout} s")
        value, error = answer[0]
        if error is not None:
            raise error
        return value

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def backlog(self) -> int:
        """Events that wait to be looked at."""
        return len(self._inbox)

    def unread(self) -> list[RawEvent]:
        """Events that nobody has looked at, or only in part; for the time after the thread has ended."""
        batch, self._batch = self._batch, []
        with suppress(IndexError):  # several threads may be at it
            while True:
                batch.append(self._inbox.popleft())
        return batch

    def add_session(self, session: ExecutorSession) -> None:
        """Poll one more executor; on the owner thread, or before it starts."""
        self._fds[id(session)] = fds = tuple(session.fds())
        for fd in fds:
            self._selector.register(fd, selectors.EVENT_READ)
        self._sessions.append(session)
        if hasattr(session, "deadline"):  # a plugin written for an earlier version has none
            self._deadlines[session.label] = session.deadline

    def remove_session(self, session: ExecutorSession) -> None:
        """Poll an executor no longer; on the owner thread. What it has done with its descriptors does not matter."""
        self._sessions = [other for other in self._sessions if other is not session]
        self._deadlines.pop(session.label, None)
        for fd in self._fds.pop(id(session), ()):
            with suppress(KeyError, ValueError, OSError):
                self._selector.unregister(fd)

    def stop(self) -> None:
        """End the thread after its current pass, and release what it holds."""
        self._stopping = True
        self._asleep = True  # so that the wake-up is sent whatever the thread believes
        self.wake()
        if threading.current_thread() is not self._thread and self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)
        if not self._thread.is_alive():
            self._selector.close()
            self._receiver.close()
            self._sender.close()

    # --- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                if not self._pass():
                    self._sleep()
            self.over = True
        except BaseException as error:  # the thread's root: a dead owner must fail every future, not hang them
            self.over = True
            logger.critical("the kernel's owner thread crashed", exc_info=True)
            ended = self.machine.out.settle
            try:
                self._effects.settle(ended)  # ends that were reached before count, also those on their way out
            except Exception:  # telling of them may be what crashed
                logger.exception("the ends of %d task(s) could not be told", len(ended))
            self._on_crash(error, ended)

    def _pass(self) -> bool:
        """Take and do everything there is; whether there was anything."""
        machine = self.machine
        batch = self._drain()
        for session in self._sessions:
            try:
                events = session.pump()
            except Exception as error:  # noqa: BLE001 - an executor, perhaps foreign: its tasks end with the reason, the others go on
                events = self._give_up(session, error)
            if events:
                batch.extend(self._judged(events))
        if batch:
            self._feed()
        elif not machine.out:
            return False
        self._carry_out()
        return True

    def _feed(self) -> None:
        """Have the machine take the batch."""
        self.machine.feed(((_TIME_PASSED, 0, time.time()),))
        self.machine.feed(self._batch)
        self._batch.clear()

    def _carry_out(self) -> None:
        out = self.machine.out
        if out:
            self._effects.carry_out(out)
            out.clear()

    def _drain(self) -> list[RawEvent]:
        """Move what has come into the batch, which is empty at first."""
        inbox, batch = self._inbox, self._batch
        for _ in range(min(len(inbox), PASS_EVENTS)):
            event = inbox.popleft()
            if event[0] >= 0:
                batch.append(event)
            elif event[0] == _CALL:
                self._call(event[2])
            else:
                batch.extend(self._judged(event[2]))
        return batch

    def _call(self, function: Callable[[], None]) -> None:
        """Run a call in its place: what was posted before it has been dealt with, and its effects carried out."""
        self._feed()
        self._carry_out()
        function()

    def _give_up(self, session: ExecutorSession, error: Exception) -> list[RawEvent]:
        """Poll a broken executor no longer; its tasks, and those it is given later, end with the reason."""
        logger.exception("executor %s failed while it was asked for results", session.label)
        broken = BadStateException(session.label, error)
        self.remove_session(session)
        self._effects.break_executor(session.label, broken)
        rows = self.machine.rows.values()
        lost = [row.attempt_id for row in rows if row.phase == Phase.launched and row.executor == session.label]
        return [(_ATTEMPT_FAILED, attempt, (broken, float("inf"), None)) for attempt in lost]

    def _judged(self, events: Sequence[RawEvent]) -> Sequence[RawEvent]:
        """Send failures to the user's retry handler, if there is one; it answers with an event that knows the cost."""
        ask_cost = self._ask_cost
        if ask_cost is None:
            return events
        kept = []
        for event in events:
            if event[0] == _ATTEMPT_FAILED:
                ask_cost(event[1], event[2])
            else:
                kept.append(event)
        return kept

    def _sleep(self) -> None:
        self._asleep = True
        if self._inbox or self._nudged or self._stopping:  # it came before the flag could be seen
            self._asleep = self._nudged = False
            return
        self._selector.select(self._patience())
        self._asleep = self._nudged = False
        try:
            while len(self._receiver.recv(4096)) == 4096:
                pass
        except BlockingIOError:
            return

    def _patience(self) -> float | None:
        """Seconds until a session wants to be pumped though nothing has come for it, None if none does.

        They are asked now and then, not before each sleep: in between, the next time to ask is slept for.
        """
        now = time.monotonic()
        if now < self._ask_at:
            return self._ask_at - now
        due = math.inf
        try:
            for deadline in self._deadlines.values():
                due = min(due, deadline())
        except Exception:  # an executor, perhaps foreign: it is pumped as long as that works
            logger.exception("an executor failed while it was asked for its next deadline; none is asked any more")
            self._deadlines.clear()
        self._ask_at = now + _ASK_SECONDS
        return None if due == math.inf else max(0.0, due - now)
