"""The ends of processes are told once each, by a thread that is only there while there is something to watch."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from parsl_like.providers.ends import EndWatch

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are no descriptors of processes")

PATIENCE_S = 30.0
NAME = "test-ends"


@pytest.fixture
def told() -> SimpleQueue[None]:
    return SimpleQueue()


@pytest.fixture
def watch(told: SimpleQueue[None]) -> Iterator[EndWatch]:
    watch = EndWatch(NAME, lambda: told.put(None))
    yield watch
    watch.close()


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "1000"])


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_each_end_is_told(watch: EndWatch, told: SimpleQueue[None]) -> None:
    assert NAME not in names()
    processes = [sleeper() for _ in range(3)]
    assert [watch.add(process.pid) for process in processes] == [True] * 3
    assert names().count(NAME) == 1
    for process in processes:
        end(process)
        told.get(timeout=PATIENCE_S)
    assert told.empty()


def test_one_that_has_ended_but_was_not_waited_for_is_told_at_once(watch: EndWatch, told: SimpleQueue[None]) -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert watch.add(process.pid)
    told.get(timeout=PATIENCE_S)
    process.wait()


def test_one_is_watched_once(watch: EndWatch) -> None:
    process = sleeper()
    assert watch.add(process.pid)
    assert not watch.add(process.pid)
    end(process)


def test_one_that_is_gone_is_not_watched(watch: EndWatch) -> None:
    process = sleeper()
    end(process)
    assert not watch.add(process.pid)


def test_one_that_was_forgotten_is_not_told(watch: EndWatch, told: SimpleQueue[None]) -> None:
    forgotten, other = sleeper(), sleeper()
    watch.add(forgotten.pid)
    watch.add(other.pid)
    watch.forget(forgotten.pid)
    watch.forget(forgotten.pid)
    end(forgotten)
    end(other)
    told.get(timeout=PATIENCE_S)
    watch.close()
    assert told.empty()


def test_copies_of_its_descriptors_make_nobody_busy(watch: EndWatch, told: SimpleQueue[None]) -> None:
    """A forked child has some; closing a descriptor of which there is a copy does not take it out of the poll."""
    process = sleeper()
    watch.add(process.pid)
    copy = os.dup(watch._descriptors[process.pid])
    try:
        end(process)
        told.get(timeout=PATIENCE_S)
        other = sleeper()
        watch.add(other.pid)
        end(other)
        told.get(timeout=PATIENCE_S)
        watch.close()
        assert told.empty()
    finally:
        os.close(copy)


def test_it_can_be_closed_with_much_to_watch_and_twice(watch: EndWatch) -> None:
    process = sleeper()
    watch.add(process.pid)
    watch.close()
    watch.close()
    assert NAME not in names()
    assert not watch.add(process.pid)
    watch.forget(process.pid)
    end(process)


def test_where_there_are_no_such_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    with pytest.raises(OSError, match="no descriptors of processes"):
        EndWatch(NAME, lambda: None)


def test_nothing_stays_open_where_they_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise PermissionError

    def never() -> None:
        pytest.fail("nothing may be opened before it is known to be of use")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    monkeypatch.setattr(select, "epoll", never)
    with pytest.raises(PermissionError):
        EndWatch(NAME, lambda: None)
