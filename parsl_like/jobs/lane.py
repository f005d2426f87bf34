"""A thread for the calls of one provider, so that a call that hangs holds up nobody else, and is found out.

A batch system's commands have limits of their own; a provider that a user wrote may have none. A call that takes longer
than its bound counts as failed; its thread is left to itself and the next call gets a new one.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from parsl_like.errors import ExecutionProviderException

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

MOST_STUCK = 3
"""How many threads may be left to hanging calls of one name before further ones fail at once."""


class ProviderSilent(ExecutionProviderException):
    """A call of a provider did not come back in time. It may still do so; then it is too late.

    Args:
        what: The call.
        seconds: How long it was waited for.
    """

    transient = True

    def __init__(self, what: str, seconds: float) -> None:
        self.what, self.seconds = what, seconds
        super().__init__(
            f"the provider's {what} has not come back for {seconds:.0f} s.",
            hint="find out why the batch system's commands hang, or raise the provider's cmd_timeout.",
        )


class Withdrawn(ExecutionProviderException):
    """A call was not made, because its outcome was not wanted any more."""


@dataclass(eq=False, slots=True)
class Call:
    """One call of a provider.

    Attributes:
        what: Its name, for messages.
        run: Makes the call.
        bound: Seconds it may take.
        settle: Takes its value, or the error it raised, on the jobs thread; called exactly once unless it is late.
        late: Takes the value of a call that came back after it had counted as failed, on the jobs thread.
        orphan: Takes the value of a call that came back after the lane was released, on the lane's own thread.
        about: What it is for, for messages.
    """

    what: str
    run: Callable[[], Any]
    bound: float
    settle: Callable[[Any, Exception | None], None]
    late: Callable[[Any], None] | None = None
    orphan: Callable[[Any], None] | None = None
    about: str = ""


class Lane:
    """Carries calls out one after another. Owned by one thread, which calls everything here.

    Args:
        name: The threads' name.
        post: Hands a function over to be called on the owner's thread; called from any thread.
        now: The time, monotonic seconds.
    """

    def __init__(self, name: str, post: Callable[[Callable[[], None]], None], now: Callable[[], float]) -> None:
        self._name = name
        self._post = post
        self._now = now
        self._waiting: deque[Call] = deque()
        self._current: Call | None = None
        self._since = self._until = 0.0
        self._longest = math.inf
        self._runner: _Runner | None = None
        self._stuck: dict[Call, float] = {}
        self._released = False
        self._handover = threading.Lock()

    @property
    def idle(self) -> bool:
        """Whether no call is under way or waits; calls that hang are not counted."""
        return self._current is None and not self._waiting

    @property
    def stuck(self) -> int:
        """How many calls hang."""
        return len(self._stuck)

    def send(self, call: Call, *, first: bool = False) -> None:
        """Have a call carried out after those that wait, or before them; after the release, not at all."""
        if self._released:
            call.settle(None, Withdrawn(f"the {call.what} comes after the end."))
            return
        if first:
            self._waiting.appendleft(call)
        else:
            self._waiting.append(call)
        self._proceed()

    def due(self) -> float | None:
        """When the call under way will have taken too long, or one that was given up in a hurry; None if none will."""
        now = self._now()
        times = [until for until in self._stuck.values() if until > now]
        return min(times if self._current is None else [*times, self._until], default=None)

    def may_return(self, what: str) -> bool:
        """Whether a call of a name was given up in a hurry only, and may yet come back within its own bound."""
        now = self._now()
        return any(call.what == what and until > now for call, until in self._stuck.items())

    def unreturned(self, what: str) -> list[str]:
        """What the calls of a name are about that have not come back, also of those that were given up."""
        calls = [*self._stuck, *([] if self._current is None else [self._current])]
        return [call.about for call in calls if call.what == what]

    def hurry(self, seconds: float) -> None:
        """From now on, also for the call under way, the next call waits for no call longer than so many seconds."""
        self._longest = seconds
        self._until = min(self._until, self._now() + seconds)

    def watch(self) -> None:
        """Give the call under way up if it has taken too long."""
        call, now = self._current, self._now()
        if call is None or now < self._until:
            return
        waited = now - self._since
        self._stuck[call] = self._since + call.bound
        self._current = None
        if self._runner is not None:
            self._runner.calls.put(None)  # its thread ends when the call does, should it ever
            self._runner = None
        self._proceed()
        call.settle(None, ProviderSilent(call.what, waited))

    def withdraw(self, what: str) -> None:
        """Settle all calls of a name that wait, as not made."""
        unwanted = [call for call in self._waiting if call.what == what]
        for call in unwanted:
            self._waiting.remove(call)
            call.settle(None, Withdrawn(f"the {what} was not wanted any more."))

    def release(self, last: Callable[[], Any], timeout: float) -> bool:
        """Make one last call and end the threads; calls that hang are left to themselves.

        Args:
            last: The call; its value is not wanted, an error it raises is in the log.
            timeout: Seconds to wait for it.

        Returns:
            Whether no thread is left.
        """
        with self._handover:
            self._released = True
        self._waiting.clear()
        runner = (
            self._runner if self._runner is not None and self._current is None else _Runner(self._name, self._returned)
        )
        hanging = self._current is not None or bool(self._stuck)
        if self._runner is not None and runner is not self._runner:
            self._runner.calls.put(None)
        self._runner = None
        runner.calls.put(Call("last call", last, timeout, _ignore))
        runner.calls.put(None)
        runner.thread.join(timeout)
        return not (hanging or runner.thread.is_alive())

    def _proceed(self) -> None:
        while self._current is None and self._waiting:
            call = self._waiting.popleft()
            if sum(stuck.what == call.what for stuck in self._stuck) >= MOST_STUCK:
                call.settle(None, ProviderSilent(call.what, call.bound))
                continue
            if self._runner is None:
                self._runner = _Runner(self._name, self._returned)
            self._current, self._since = call, self._now()
            self._until = self._since + min(call.bound, self._longest)
            self._runner.calls.put(call)

    def _returned(self, call: Call, value: Any, error: Exception | None) -> None:
        """Called on the runner's thread."""
        with self._handover:
            if not self._released:
                self._post(lambda: self._settle(call, value, error))
                return
        self._abandon(call, value, error)

    def _settle(self, call: Call, value: Any, error: Exception | None) -> None:
        if self._released:  # it was handed over, and the owner has ended without taking it
            if call.orphan is not None and error is None:
                runner = _Runner(self._name, _drop)
                runner.calls.put(Call(call.what, lambda: self._abandon(call, value, None), call.bound, _ignore))
                runner.calls.put(None)
            return
        if call in self._stuck:
            del self._stuck[call]
            if error is None and call.late is not None:
                call.late(value)
            return
        self._current = None
        self._proceed()
        call.settle(value, error)

    def _abandon(self, call: Call, value: Any, error: Exception | None) -> None:
        """Nobody waits for the outcome any more; called on a runner's thread."""
        try:
            if error is None and call.orphan is not None:
                call.orphan(value)
        except Exception as raised:  # noqa: BLE001 - a provider's own code
            error = raised
        if error is not None:
            logger.warning("%s: %s failed after the end: %s", self._name, call.what, error, exc_info=error)


def _ignore(value: Any, error: Exception | None) -> None:
    """For a call whose outcome nobody waits for."""


def _drop(call: Call, value: Any, error: Exception | None) -> None:
    """For a call that has said itself how it went."""


class _Runner:
    """A thread that runs calls until it gets None, or until one of them has been given up."""

    def __init__(self, name: str, returned: Callable[[Call, Any, Exception | None], None]) -> None:
        self.calls: SimpleQueue[Call | None] = SimpleQueue()
        self._returned = returned
        # A daemon: a call that hangs for ever must not keep the program from ending.
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (call := self.calls.get()) is not None:
            try:
                value, error = call.run(), None
            except Exception as raised:  # noqa: BLE001 - a provider's own code; the owner decides what it means
                value, error = None, raised
            self._returned(call, value, error)
