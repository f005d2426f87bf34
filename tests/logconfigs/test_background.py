"""Log files whose writing holds up nobody, on disks that hang or are full."""

from __future__ import annotations

import logging
import os
import resource
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.logconfigs import background
from parsl_like.logconfigs.background import BackgroundFileHandler, logs_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 60.0


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[BackgroundFileHandler]:
    made = BackgroundFileHandler(tmp_path / "log")
    yield made
    made.close()


def say(handler: BackgroundFileHandler, text: str, *arguments: object) -> None:
    handler.handle(logging.LogRecord("a_log", logging.INFO, __file__, 1, text, arguments, None))


def until(condition: Any) -> None:
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.01)


def test_lines_are_in_the_file_after_a_flush_in_their_order(handler: BackgroundFileHandler, tmp_path: Path) -> None:
    for number in range(5000):
        say(handler, "%d", number)
    handler.flush()
    assert (tmp_path / "log").read_text().split() == [str(number) for number in range(5000)]
    assert handler.status() == {"path": str(tmp_path / "log"), "waiting": 0, "dropped": 0, "trouble": ""}
    assert logs_in(str(tmp_path)) == [handler.status()]
    assert logs_in(str(tmp_path.parent)) == []


def test_many_threads_may_say_something(handler: BackgroundFileHandler, tmp_path: Path) -> None:
    threads = [threading.Thread(target=lambda: [say(handler, "line") for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.close()
    assert (tmp_path / "log").read_text() == "line\n" * 4000


def test_without_a_line_there_is_no_file_and_no_thread(tmp_path: Path) -> None:
    handler = BackgroundFileHandler(tmp_path / "log")
    handler.flush()
    handler.close()
    handler.close()
    assert os.listdir(tmp_path) == []
    assert logs_in(str(tmp_path)) == []


def test_a_line_that_cannot_be_made_costs_only_itself(
    handler: BackgroundFileHandler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say(handler, "%d", "no number")
    say(handler, "next")
    handler.close()
    assert (tmp_path / "log").read_text() == "next\n"
    assert "Logging error" in capsys.readouterr().err


def test_a_disk_that_hangs_holds_up_nobody(
    handler: BackgroundFileHandler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(background, "MOST_WAITING", 10_000)
    os.mkfifo(tmp_path / "log")  # opening it waits for a reader
    for number in range(1000):
        say(handler, "%d", number)
    status = handler.status()
    assert 0 < status["waiting"] <= 10_000
    assert 900 < status["dropped"] < 1000
    assert capsys.readouterr().err == f"parsl_like: {handler.path} takes no lines; further ones are dropped.\n"
    with open(tmp_path / "log") as pipe:
        until(lambda: not handler.status()["waiting"])
        say(handler, "again")
        handler.close()
        lines = pipe.read().splitlines()
    kept = 1000 - status["dropped"]
    assert lines[:kept] == [str(number) for number in range(kept)]
    assert lines[kept:] == [f"--- {status['dropped']} lines are missing here: the file took none for a while", "again"]


def test_closing_does_not_wait_for_ever(
    handler: BackgroundFileHandler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(background, "LAST_WAIT_S", 0.05)
    os.mkfifo(tmp_path / "log")
    say(handler, "one")
    handler.flush()
    until(lambda: handler._queue.qsize() == 1)  # the line has been taken, and the flush waits
    say(handler, "two")
    handler.close()
    assert "are missing in" in capsys.readouterr().err
    with open(tmp_path / "log") as pipe:  # let the thread end
        assert pipe.read().startswith("one\n")


def test_a_full_disk_costs_lines_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of files acts as a full disk does: it lets a part through."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = BackgroundFileHandler(tmp_path / "log")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (7, before[1]))
        say(handler, "12345")
        handler.flush()
        for _ in range(3):
            say(handler, "lost")
            handler.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert handler.status()["dropped"] == 3
    assert "too large" in handler.status()["trouble"]
    say(handler, "after")
    handler.close()
    trouble = handler.status()["trouble"]
    said = ["12345", "l", f"--- 3 lines are missing here: {trouble}", "after"]
    assert (tmp_path / "log").read_text().splitlines() == said
    assert (
        capsys.readouterr().err
        == f"parsl_like: {tmp_path / 'log'} cannot be written, lines are dropped: {trouble}." + "\n"
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_may_say_something_and_end(handler: BackgroundFileHandler, tmp_path: Path) -> None:
    say(handler, "before")
    handler.flush()
    child = os.fork()
    if child == 0:
        say(handler, "in the child")
        handler.flush()
        handler.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    say(handler, "after")
    handler.close()
    assert (tmp_path / "log").read_text() == "before\nafter\n"
