from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parsl_like.dataflow.services import Service, ServicePool, Unheld, is_service_thread, mark_service_thread

PATIENCE = 30.0


class Desk:
    """Serves items, and waits over those that are events."""

    def __init__(self) -> None:
        self.served: list[Any] = []
        self.threads: set[tuple[str, bool]] = set()
        self.begun = threading.Event()
        self.service: Service[Any] = Service("parsl-like-desk", self.serve)

    def serve(self, item: Any) -> None:
        self.threads.add((threading.current_thread().name, is_service_thread()))
        self.begun.set()
        if isinstance(item, BaseException):
            raise item
        if isinstance(item, threading.Event):
            assert item.wait(PATIENCE)
        if callable(item):
            item()
        self.served.append(item)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.service.stop(PATIENCE)


def test_items_are_served_in_order_on_a_thread_of_its_name(desk: Desk) -> None:
    desk.service.put("before the start")
    desk.service.start()
    for item in range(100):
        desk.service.put(item)
    assert desk.service.stop(PATIENCE)
    assert desk.served == ["before the start", *range(100)]
    assert desk.threads == {("parsl-like-desk", True)}
    assert desk.service.backlog == 0
    assert not desk.service.is_current()


def test_what_is_queued_and_what_is_served_can_be_seen(desk: Desk) -> None:
    gate = threading.Event()
    desk.service.start()
    for item in (gate, "next", "last"):
        desk.service.put(item)
    assert desk.begun.wait(PATIENCE)
    assert (desk.service.busy_with, desk.service.backlog) == (gate, 2)
    gate.set()
    assert desk.service.stop(PATIENCE)
    assert (desk.service.busy_with, desk.served) == (None, [gate, "next", "last"])


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()], ids=lambda e: type(e).__name__
)
def test_an_item_that_fails_is_reported_and_the_next_is_served(
    desk: Desk, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    desk.service.start()
    with caplog.at_level(logging.ERROR):
        desk.service.put(error)
        desk.service.put("next")
        assert desk.service.stop(PATIENCE)
    assert desk.served == ["next"]
    assert "parsl-like-desk failed on an item" in caplog.text
    assert type(error).__name__ in caplog.text


def test_it_keeps_nothing_of_what_it_has_served() -> None:
    import weakref

    class Item:
        pass

    seen: list[weakref.ref[Item]] = []
    service: Service[Item] = Service("parsl-like-desk", lambda item: seen.append(weakref.ref(item)))
    service.start()
    service.put(Item())
    done = threading.Event()
    service.put(done)  # type: ignore[arg-type]
    assert service.stop(PATIENCE)
    assert seen[0]() is None


def test_a_service_that_never_started_is_stopped_at_once() -> None:
    service: Service[int] = Service("parsl-like-desk", print)
    service.put(1)
    assert service.stop(PATIENCE)


def test_stopping_twice_does_no_harm(desk: Desk) -> None:
    desk.service.start()
    assert desk.service.stop(PATIENCE)
    assert desk.service.stop(PATIENCE)


def test_a_service_may_be_stopped_by_what_it_serves(desk: Desk) -> None:
    current: list[bool] = []
    desk.service.start()
    desk.service.put(lambda: current.append(desk.service.is_current() and desk.service.stop(PATIENCE)))
    desk.service.put("after")
    assert desk.service.stop(PATIENCE)
    assert current == [True]
    assert desk.served[-1] == "after"  # it was queued before the end was


def test_an_item_that_does_not_return_is_not_waited_for_longer_than_allowed(desk: Desk) -> None:
    gate = threading.Event()
    desk.service.start()
    for item in (gate, "behind", "it"):
        desk.service.put(item)
    assert desk.begun.wait(PATIENCE)
    assert desk.service.stop(0.01) is False
    assert desk.service.unserved() == ["behind", "it"]
    gate.set()
    desk.service.put(None)
    assert desk.service.stop(PATIENCE)
    assert desk.served == [gate]


def test_a_thread_that_was_given_up_ends_when_its_item_does(desk: Desk) -> None:
    gate = threading.Event()
    desk.service.start()
    desk.service.put(gate)
    assert desk.begun.wait(PATIENCE)
    assert desk.service.stop(0.01) is False
    assert desk.service.unserved() == []
    gate.set()
    desk.service._thread.join(0.5)
    assert not desk.service._thread.is_alive()


def test_two_may_ask_for_what_is_unserved(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that looks full and is empty a moment later must not make anybody wait."""
    desk.service.put("only")
    monkeypatch.setattr(desk.service, "_queue", _Deceiving(desk.service._queue))
    assert desk.service.unserved() == ["only"]
    assert desk.service.unserved() == []


class _Deceiving:
    """A queue that is never seen to be empty."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def empty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queue, name)

    def get(self, *_: Any, **__: Any) -> Any:
        return self.queue.get(timeout=0.1)


# --- several threads


def test_a_pool_serves_several_items_at_once_on_daemons() -> None:
    together, threads = threading.Barrier(2), set()

    def serve(item: int) -> None:
        thread = threading.current_thread()
        threads.add((thread.name, thread.daemon, is_service_thread()))
        together.wait(PATIENCE)
        served.release()

    served = threading.Semaphore(0)
    pool: ServicePool[int] = ServicePool("parsl-like-many", serve, 2)
    for item in range(4):
        pool.put(item)
    for _ in range(4):
        assert served.acquire(timeout=PATIENCE)
    assert threads == {("parsl-like-many_0", True, True), ("parsl-like-many_1", True, True)}
    pool.stop()


def test_a_pool_goes_on_after_an_item_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def serve(item: Any) -> None:
        if isinstance(item, BaseException):
            raise item
        done.set()

    pool: ServicePool[Any] = ServicePool("parsl-like-many", serve, 1)
    with caplog.at_level(logging.ERROR):
        pool.put(SystemExit(3))
        pool.put("next")
        assert done.wait(PATIENCE)
    assert "parsl-like-many failed on an item" in caplog.text
    pool.stop()


def test_a_pool_that_gets_no_thread_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    seen: list[int] = []
    done = threading.Event()
    pool: ServicePool[int] = ServicePool("parsl-like-many", lambda item: (seen.append(item), done.set())[1], 2)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            pool.put(0)
    pool.put(1)
    assert done.wait(PATIENCE)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    done.clear()
    pool.put(2)  # the one thread there is serves it
    assert done.wait(PATIENCE)
    assert seen == [1, 2]
    pool.stop()


def test_a_thread_is_the_kernels_only_if_it_says_so(on_a_thread: Callable[..., Any]) -> None:
    def ask() -> tuple[bool, bool]:
        before = is_service_thread()
        mark_service_thread()
        return before, is_service_thread()

    assert on_a_thread(ask).result(PATIENCE) == (False, True)
    assert not is_service_thread()


def test_who_runs_a_function_that_others_wait_for_is_not_held_back() -> None:
    seen = []

    def work(*given: int, more: int) -> int:
        seen.append(is_service_thread())
        return sum(given) + more

    unheld = Unheld(work)
    assert (unheld(1, 2, more=3), unheld.__name__) == (6, "work")
    assert (seen, is_service_thread()) == ([True], False)


def test_a_function_that_raises_leaves_its_thread_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError):
        Unheld(lambda: 1 // 0)()
    assert not is_service_thread()
