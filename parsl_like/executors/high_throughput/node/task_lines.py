"""A worker's standard streams: each line that the code of a task writes begins with the task's name.

What runs is read from the worker's cell at the moment of writing, so a task that writes nothing costs nothing. Programs
that a task starts, and libraries that write to the descriptors themselves, write their lines as they are.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

from parsl_like.core.ids import number_of, task_of
from parsl_like.executors.high_throughput.node.cells import IDLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

RECORD_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""How records of ``logging`` look that a task's code makes without having said where they go."""


def name_of(attempt: int) -> str:
    """What a line of an attempt begins with; nothing between two tasks."""
    if attempt == IDLE:
        return ""
    number = number_of(attempt)
    return f"[task {task_of(attempt)} try {number}] " if number else f"[task {task_of(attempt)}] "


class TaskLines(io.TextIOWrapper):
    """Text to a descriptor, line by line; lines of two tasks never share one.

    Args:
        descriptor: Where to; it stays open.
        cell: Holds the attempt that runs.
        encoding: The text's.
    """

    def __init__(self, descriptor: int, cell: Sequence[int], encoding: str = "utf-8") -> None:
        buffer = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
        super().__init__(buffer, encoding, errors="backslashreplace", line_buffering=True)
        self._descriptor = descriptor
        self._cell = cell
        self._attempt = IDLE
        self._begun = False  # a line that has no end yet

    def write(self, text: str, /) -> int:
        """Write text, each line of it marked; gives its own length."""
        if not text:
            return 0
        attempt = self._cell[0]
        mark = name_of(attempt)
        goes_on = self._begun and attempt == self._attempt
        head = "" if goes_on else f"\n{mark}" if self._begun else mark
        self._attempt, self._begun = attempt, not text.endswith("\n")
        marked = text[:-1].replace("\n", f"\n{mark}") + text[-1] if mark else text
        super().write(head + marked)
        return len(text)

    def reopened(self) -> TaskLines:
        """The same anew, in the place of one that was closed."""
        return TaskLines(self._descriptor, self._cell, self.encoding)


def mark_lines(cell: Sequence[int]) -> None:
    """Let every line that is printed in this process from now on begin with the name of the task that runs."""
    for name in ("stdout", "stderr"):
        stream: TextIO = getattr(sys, name)
        stream.flush()
        setattr(sys, name, TaskLines(stream.fileno(), cell, stream.encoding))


def show_records(level: str) -> None:
    """Let records of ``logging`` reach standard error where a task's code has set up nothing else.

    No handler is added, so a task that calls ``logging.basicConfig`` gets what it asks for; and nothing is done before
    somebody imports ``logging``, which most tasks never need.

    Args:
        level: The least level that is shown.
    """
    if "logging" in sys.modules:
        _show(sys.modules["logging"], level)
    else:
        sys.meta_path.insert(0, _OnImport(level))


class _OnImport:
    """Sees ``logging`` being imported (https://docs.python.org/3/reference/import.html#the-meta-path), once."""

    def __init__(self, level: str) -> None:
        self._level = level

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Where the module is, and that it is to be prepared as soon as it is there; None for any other."""
        if name != "logging":
            return None
        from importlib.machinery import PathFinder

        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_prepare(module: ModuleType) -> None:
                execute(module)
                _show(module, self._level)

            spec.loader.exec_module = execute_and_prepare  # type: ignore[method-assign]
        return spec


def _show(logging: Any, level: str) -> None:
    class Records(logging.StreamHandler):  # type: ignore[misc]
        """Writes to what standard error is at the moment: a task's own file, if its output goes to one."""

        def __init__(self) -> None:
            logging.Handler.__init__(self)

        @property
        def stream(self) -> TextIO:
            return sys.stderr

    last = Records()
    last.setFormatter(logging.Formatter(RECORD_FORMAT))
    logging.lastResort = last
    logging.getLogger().setLevel(level)
