"""Parts of the kernel on the bench: executors that answer when they are told to, effects that are only noted down."""

from __future__ import annotations

import inspect
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from parsl_like.core.ids import AttemptId, ExecutorLabel
from parsl_like.core.limits import ExecutorLoad
from parsl_like.core.machine import TaskMachine
from parsl_like.dataflow.effects import LiveEffects
from parsl_like.dataflow.errors import DependencyError

PATIENCE = 30.0


class Session:
    """An executor whose attempts end when the test says so, on whatever thread it says so."""

    def __init__(self, label: str = "x", wants: str = "objects", fds: Sequence[int] = ()) -> None:
        self.label = ExecutorLabel(label)
        self.wants: Any = wants
        self.news: deque[tuple[int, int, Any]] = deque()
        self.submitted: list[Any] = []
        self.cancelled: list[int] = []
        self.threads: set[str] = set()
        self.pumped = 0
        self.due = math.inf
        self._fds = fds

    def deadline(self) -> float:
        return self.due

    def fds(self) -> Sequence[int]:
        return self._fds

    def pump(self) -> Sequence[tuple[int, int, Any]]:
        self.pumped += 1
        self.threads.add(threading.current_thread().name)
        return [self.news.popleft() for _ in range(len(self.news))]

    def submit(self, attempts: Sequence[Any]) -> None:
        self.threads.add(threading.current_thread().name)
        self.submitted += [attempt.attempt_id for attempt in attempts]

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        self.cancelled += attempts

    def load(self) -> ExecutorLoad:
        return ExecutorLoad(self.label, len(self.submitted), 1)

    def close(self, *, deadline: float) -> None:
        """Nothing was started."""


class Noted:
    """Everything that effects hand on, by the name of the one it is handed to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.news = threading.Condition()

    def taker(self, name: str) -> Callable[..., None]:
        def take(*given: Any) -> None:
            with self.news:
                self.calls.append((name, given[0] if len(given) == 1 else given))
                self.news.notify_all()

        return take

    def of(self, name: str) -> list[Any]:
        return [given for called, given in self.calls if called == name]

    def wait_for(self, enough: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(enough, PATIENCE)


def effects_of(noted: Noted, sessions: dict[str, Any], **real: Any) -> LiveEffects:
    """Effects whose every taker but the real ones notes down what it is given."""
    takers = {name: noted.taker(name) for name in inspect.signature(LiveEffects).parameters if name != "sessions"}
    return LiveEffects(sessions=sessions, **{**takers, **real})


def in_thread(work: Callable[[], Any]) -> Future[Any]:
    """What a function gives on a thread of its own."""
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            outcome.set_exception(error)

    threading.Thread(target=run).start()
    return outcome


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def session_of() -> type[Session]:
    """Makes executors with other properties."""
    return Session


@pytest.fixture
def effects_with() -> Callable[..., LiveEffects]:
    """Makes effects."""
    return effects_of


@pytest.fixture
def on_a_thread() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """Runs functions on threads of their own."""
    return in_thread


@pytest.fixture
def machine() -> TaskMachine:
    """A task machine with errors as a kernel has them."""
    return TaskMachine(
        dependency_error=lambda task, failed: DependencyError([(error, name) for name, error in failed], task),
        join_type_error=lambda name, value: TypeError(f"{name} returned {value!r}"),
        loss_error=lambda cause, losses: cause,
    )
