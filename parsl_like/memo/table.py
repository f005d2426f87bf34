"""What one run remembers in memory: results that are on no disk, and calls that are in flight."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

MISSING: Final = object()
"""Stands for a result that is not there; None is one."""


class TaskKey(str):
    """The key of a call, which still knows what it was made of while the call is under way.

    Args:
        text: The key.
        parts: What it was made of: pairs of a label and a digest.
        name: The app's name.
        task: The task that asked first.

    Attributes:
        of_parsl: The keys that Parsl would give the call; none where nothing is to be found under them.
    """

    __slots__ = ("name", "of_parsl", "parts", "task")

    of_parsl: Iterable[str]
    parts: tuple[tuple[str, bytes], ...]
    name: str
    task: int

    def __new__(cls, text: str, parts: tuple[tuple[str, bytes], ...] = (), name: str = "", task: int = -1) -> TaskKey:
        """A text with facts."""
        key = super().__new__(cls, text)
        key.parts, key.name, key.task, key.of_parsl = parts, name, task, ()
        return key

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


class MemoTable:
    """Results by key, those of them that no checkpoint has yet, and who computes what. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Any] = {}
        self._unwritten: dict[str, TaskKey] = {}
        self._in_flight: dict[str, int] = {}

    def value(self, key: str) -> Any:
        """The result, or ``MISSING``."""
        return self._values.get(key, MISSING)

    def keep_all(self, results: Sequence[tuple[TaskKey, Any]], *, unwritten: bool) -> None:
        """Have results, in the place of earlier ones; ``unwritten`` if a later checkpoint is to have them.

        Their calls are in flight no more.
        """
        with self._lock:
            for key, value in results:
                self._values[key] = value
                self._in_flight.pop(key, None)
                if unwritten:
                    self._unwritten[key] = key

    def drop(self, keys: Iterable[str]) -> None:
        """Have results no longer: they are elsewhere."""
        with self._lock:
            for key in keys:
                self._values.pop(key, None)

    def take_unwritten(self, tasks: Sequence[int] | None = None) -> list[tuple[TaskKey, Any]]:
        """Results that no checkpoint has, for one that will; of all tasks, or of some."""
        with self._lock:
            if tasks is None:
                taken, self._unwritten = list(self._unwritten.values()), {}
            else:
                wanted = set(tasks)
                taken = [key for key in self._unwritten.values() if key.task in wanted]
                for key in taken:
                    del self._unwritten[key]
            return [(key, self._values[key]) for key in taken if key in self._values]

    # --- calls in flight -----------------------------------------------------------------------------------------

    def attach(self, key: str, task: int) -> int | None:
        """The task that computes a key, or None: from now on that is ``task``."""
        with self._lock:
            first = self._in_flight.setdefault(key, task)
            return None if first == task else first

    def release(self, key: str, task: int) -> None:
        """A task will not compute a key; without effect if another one does."""
        with self._lock:
            if self._in_flight.get(key) == task:
                del self._in_flight[key]

    def __len__(self) -> int:
        return len(self._values)
