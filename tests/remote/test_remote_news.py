"""What a task says is heard by whoever listens to its thread, or to its process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.remote.news import listen, tell

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nobody_afterwards() -> Iterator[None]:
    yield
    listen(None)


def test_nobody_has_to_listen() -> None:
    tell("transfer", "url", {})


def test_a_thread_may_have_a_listener_of_its_own() -> None:
    heard: list[tuple[str, Any]] = []
    listen(lambda *news: heard.append(("all", news)))
    thread = threading.Thread(target=tell, args=("transfer", "a", {"bytes": 1}))
    listen(lambda *news: heard.append(("one", news)), thread)
    other = threading.Thread(target=tell, args=("transfer", "b", {}))
    for each in (thread, other):
        each.start()
        each.join()
    assert heard == [("one", ("transfer", "a", {"bytes": 1})), ("all", ("transfer", "b", {}))]
