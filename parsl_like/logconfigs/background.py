"""Log files that hold up nobody: lines are written by a thread of their own, from a queue that cannot grow for ever.

A disk that hangs, or a full one, would otherwise stop whoever says something, the kernel's owner thread among them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import weakref
from queue import Empty, SimpleQueue
from typing import Any

MOST_WAITING = 4_000_000
"""Bytes of lines that may wait to be written; further ones are dropped and counted."""
LINE_COST = 150
"""What a line in the queue takes beside its text, in bytes."""
BATCH = 1000
"""Lines written at a stretch."""
LAST_WAIT_S = 2.0
"""How long the end of a log waits for its last lines."""

_open: weakref.WeakSet[BackgroundFileHandler] = weakref.WeakSet()


class BackgroundFileHandler(logging.Handler):
    """Appends lines to a file; its ``emit`` never waits for the disk.

    Guarantees: lines are in the file in the order in which they were said, at the latest when the handler is closed,
    unless the file takes none. Then they are dropped and counted, one line on standard error says so, and so does a
    line in the file as soon as it takes some again.

    Args:
        path: The file; opened by the first line.
        level: The least level that is written.
    """

    def __init__(self, path: str | os.PathLike[str], level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.path = os.path.abspath(os.fspath(path))
        self._queue: SimpleQueue[str | threading.Event | None] = SimpleQueue()
        self._put = self._taken = 0
        self._dropped = self._marked = self._unwritten = self._shown = 0
        self._trouble = ""
        self._told = self._torn = self._closed = False
        self._file: int | None = None
        self._thread: threading.Thread | None = None

    # --- whoever says something

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line, or drop it if too much waits."""
        try:
            line = self.format(record) + "\n"
        except Exception:  # noqa: BLE001 - a record's arguments and a format may be the user's; logging's way to say so
            self.handleError(record)
            return
        cost = len(line) + LINE_COST
        if self._put + cost - self._taken > MOST_WAITING:
            self._dropped += 1
            self._tell(f"{self.path} takes no lines; further ones are dropped")
            return
        if self._dropped > self._marked:
            line = f"--- {self._dropped - self._marked} lines are missing here: the file took none for a while\n{line}"
            self._marked = self._dropped
            cost = len(line) + LINE_COST
        self._put += cost
        self._queue.put(line)
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="parsl-like-log", daemon=True)
            self._thread.start()
            _open.add(self)

    def flush(self) -> None:
        """Wait, but not for long, until everything said so far is written."""
        # In a forked process the thread is not there.
        if self._thread is not None and self._thread.is_alive() and self._thread is not threading.current_thread():
            written = threading.Event()
            self._queue.put(written)
            written.wait(LAST_WAIT_S)

    def close(self) -> None:
        """Write what is left, for a limited time, and close the file; calling it again does nothing."""
        thread = self._thread
        if self._closed:
            return
        self._closed = True
        if thread is not None:
            self._queue.put(None)
            thread.join(LAST_WAIT_S)
            waiting = self._queue.qsize() if thread.is_alive() else 0
            if lost := self.lost + waiting:
                self._tell(f"{lost} lines are missing in {self.path}")
        super().close()

    @property
    def lost(self) -> int:
        """How many lines are missing in the file."""
        return self._dropped + self._unwritten

    def status(self) -> dict[str, Any]:
        """Its path, how many bytes wait, how many lines were dropped, and the last trouble with the file."""
        return {"path": self.path, "waiting": self._put - self._taken, "dropped": self.lost, "trouble": self._trouble}

    # --- the thread

    def _run(self) -> None:
        ended = False
        while not ended:
            lines, written, ended = self._batch(self._queue.get())
            try:
                self._write("".join(lines))
            except (OSError, ValueError) as error:
                self._unwritten += len(lines)
                self._trouble = str(error)
                self._tell(f"{self.path} cannot be written, lines are dropped: {error}")
            self._taken += sum(map(len, lines)) + LINE_COST * len(lines)
            for event in written:
                event.set()
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)

    def _batch(self, item: str | threading.Event | None) -> tuple[list[str], list[threading.Event], bool]:
        """What is in the queue, up to a limit: lines, events to set when they are written, whether it is the last."""
        lines: list[str] = []
        written: list[threading.Event] = []
        with contextlib.suppress(Empty):
            while item is not None:
                if isinstance(item, str):
                    lines.append(item)
                else:
                    written.append(item)
                if len(lines) >= BATCH:
                    return lines, written, False
                item = self._queue.get_nowait()
            return lines, written, True
        return lines, written, False

    def _write(self, text: str) -> None:
        if not text:
            return
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        if self._unwritten > self._shown:
            text = f"--- {self._unwritten - self._shown} lines are missing here: {self._trouble}\n{text}"
        if self._torn:
            text = "\n" + text
        rest = memoryview(text.encode("utf-8", "backslashreplace"))
        while rest:
            count = os.write(self._file, rest)
            self._torn = count < len(rest)
            rest = rest[count:]
        self._shown = self._unwritten

    def _tell(self, text: str) -> None:
        """Once: where a log cannot be written, standard error is what people see."""
        if self._told:
            return
        self._told = True
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, full, or not there
            sys.stderr.write(f"parsl_like: {text}.\n")


def logs_in(directory: str) -> list[dict[str, Any]]:
    """The status of each log file that is being written in a directory."""
    place = os.path.abspath(directory)
    return [
        handler.status() for handler in list(_open) if os.path.dirname(handler.path) == place and not handler._closed
    ]
