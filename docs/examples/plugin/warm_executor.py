"""An executor of one thread that loads something once, for example a model, before it runs tasks."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from parsl_like.core.events import AttemptFailed, AttemptSucceeded
from parsl_like.core.limits import ExecutorLoad
from parsl_like.errors import ExecutorError, TaskExit
from parsl_like.executors.base import ParslExecutor
from parsl_like.plugins import hookimpl


@dataclass
class WarmExecutor(ParslExecutor):
    """The description: a value that touches nothing."""

    label: str = field(default="warm", metadata={"help": "The executor's name."})
    warm_up: Callable[[], object] = field(default=int, metadata={"help": "Called once, before any task."})


class WarmSession:
    """The running executor. Its owner calls all but ``_work``, and is never made to wait but by ``close``."""

    wants = "objects"  # the call itself, not packed for another process

    def __init__(self, description, context):
        self.label = context.label
        self._warm_up = description.warm_up
        self._wake = context.wake
        self._todo = SimpleQueue()
        self._ended = deque()
        self._unwanted = set()
        self._held = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"warm-{self.label}", daemon=True)
        self._thread.start()

    def fds(self):
        return ()  # news is announced by _wake, not by a file descriptor

    def deadline(self):
        return math.inf  # it need not be pumped at any time without news

    def submit(self, attempts):
        self._held += len(attempts)
        for attempt in attempts:
            self._todo.put(attempt)

    def pump(self):
        events = [self._ended.popleft() for _ in range(len(self._ended))]
        self._held -= len(events)
        return events

    def cancel(self, attempts):
        self._unwanted.update(attempts)

    def load(self):
        return ExecutorLoad(self.label, outstanding=self._held, slots=1)

    def close(self, *, deadline):
        self._closed = True
        self._todo.put(None)
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self):
        broken = None
        try:
            self._warm_up()
        except Exception as error:  # nobody would run the tasks if the thread ended here
            broken = ExecutorError(self.label, f"warming up failed: {error!r}")
        while (attempt := self._todo.get()) is not None and not self._closed:
            event = AttemptFailed(attempt.attempt_id, broken) if broken else self._run(attempt)
            self._ended.append(event.raw())
            self._wake()

    def _run(self, attempt):
        identity = attempt.attempt_id
        if identity in self._unwanted:
            return AttemptFailed(identity, ExecutorError(self.label, "the task was canceled"))  # nobody will hear of it
        try:
            return AttemptSucceeded(identity, attempt.function(*attempt.args, **(attempt.kwargs or {})))
        except Exception as error:
            return AttemptFailed(identity, error)
        except BaseException as error:  # sys.exit and the like must not end the thread
            return AttemptFailed(identity, TaskExit(type(error).__name__, str(error)))


@hookimpl
def parsl_like_executor_types():
    return {"WarmExecutor": WarmExecutor}


@hookimpl
def parsl_like_open_executor(description, context):
    return WarmSession(description, context) if isinstance(description, WarmExecutor) else None
