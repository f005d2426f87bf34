from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parsl_like.dataflow.services import Service, is_service_thread, mark_service_thread

PATIENCE = 30.0


class Desk:
    """Serves items, and waits over those that are events."""

    def __init__(self) -> None:
        self.served: list[Any] = []
        self.threads: set[tuple[str, bool]] = set()
        self.begun = threading.Event()
        self.errors: list[tuple[Any, BaseException]] = []
        self.service: Service[Any] = Service("parsl-like-desk", self.serve, lambda *given: self.errors.append(given))

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
    assert (desk.service.served, desk.service.backlog) == (101, 0)
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
    assert desk.errors == [(error, error)]
    assert "parsl-like-desk failed on an item" in caplog.text


def test_without_anybody_to_tell_an_error_is_logged_only(caplog: pytest.LogCaptureFixture) -> None:
    service: Service[int] = Service("parsl-like-desk", lambda item: 1 // item)
    service.start()
    with caplog.at_level(logging.ERROR):
        service.put(0)
        assert service.stop(PATIENCE)
    assert "ZeroDivisionError" in caplog.text


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


def test_a_thread_is_the_kernels_only_if_it_says_so(on_a_thread: Callable[..., Any]) -> None:
    def ask() -> tuple[bool, bool]:
        before = is_service_thread()
        mark_service_thread()
        return before, is_service_thread()

    assert on_a_thread(ask).result(PATIENCE) == (False, True)
    assert not is_service_thread()
