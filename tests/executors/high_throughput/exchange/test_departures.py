"""Whose process has ended is told, as soon as both of its links have been read to their ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from parsl_like.executors.high_throughput.exchange.departures import Departures
from parsl_like.executors.high_throughput.links.waiting import Waiter

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes cannot be watched here")

PATIENCE_S = 60


class Watch:
    def __init__(self) -> None:
        self.waiter = Waiter()
        self.departures = Departures(self.waiter)

    def told(self, patience: float = PATIENCE_S) -> list[bytes]:
        found: list[bytes] = []
        if self.departures in self.waiter.wait(patience):
            self.departures.handle(found.append)
        return found

    def close_both(self, process: int) -> None:
        for link in ("data", "control"):
            self.departures.closed(b"m", link, process)  # type: ignore[arg-type]  # one of the two


@pytest.fixture
def watch() -> Iterator[Watch]:
    made = Watch()
    yield made
    made.departures.close()
    made.waiter.close()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as made:
        yield made
        made.kill()


def test_the_end_of_a_process_is_told_once(watch: Watch, child: subprocess.Popen[bytes]) -> None:
    watch.close_both(child.pid)
    assert watch.told(0) == []
    child.kill()
    assert watch.told() == [b"m"]
    assert watch.told(0) == []


def test_a_process_that_has_been_reaped_is_gone_too(watch: Watch, child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    watch.close_both(child.pid)
    assert watch.told() == [b"m"]


def test_one_link_may_still_have_something_to_say(watch: Watch, child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    watch.departures.closed(b"m", "data", child.pid)
    watch.departures.closed(b"m", "data", child.pid)
    assert watch.told(0) == []
    watch.departures.closed(b"m", "control", child.pid)
    assert watch.told() == [b"m"]


def test_who_connects_again_is_not_gone(watch: Watch, child: subprocess.Popen[bytes]) -> None:
    watch.close_both(child.pid)
    watch.departures.opened(b"m", "data")
    child.kill()
    child.wait()
    assert watch.told(0) == []
    watch.departures.closed(b"m", "control", child.pid)
    watch.departures.opened(b"m", "control")
    watch.departures.closed(b"m", "data", child.pid)
    assert watch.told(0) == []


@pytest.mark.parametrize("error", [OSError, None])
def test_where_a_process_cannot_be_watched_silence_has_to_tell(
    watch: Watch, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None
) -> None:
    def refuse(_process: int) -> int:
        raise OSError(24, "too many open files")

    if error is not None:
        monkeypatch.setattr(os, "pidfd_open", refuse)
    watch.close_both(child.pid if error is not None else 0)
    child.kill()
    child.wait()
    assert watch.told(0) == []
