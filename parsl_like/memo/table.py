"""What one run remembers in memory: results that are on no disk, and calls that are in flight."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from parsl_like.memo.plainkeys import PlainKeys

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
        packed: The key as the index of a checkpoint has it; empty where nobody has packed it yet.
        plain: What has made the key and knows the labels of its parts; None where the parts are there.
        own: The parts, or the digests that ``plain`` makes parts of.
    """

    __slots__ = ("name", "of_parsl", "own", "packed", "plain", "task")

    name: str
    of_parsl: Iterable[str]
    own: Any
    packed: bytes
    plain: PlainKeys | None
    task: int

    def __new__(cls, text: str, parts: tuple[tuple[str, bytes], ...] = (), name: str = "", task: int = -1) -> TaskKey:
        """A text with facts."""
        key = super().__new__(cls, text)
        key.own, key.plain, key.name, key.task, key.of_parsl, key.packed = parts, None, name, task, (), b""
        return key

    @property
    def parts(self) -> tuple[tuple[str, bytes], ...]:
        """Pairs of a label and a digest."""
        parts: tuple[tuple[str, bytes], ...] = self.own if self.plain is None else self.plain.parts(self.own)
        return parts

    def forget_parts(self) -> None:
        """Have no parts any more: a future that the program keeps keeps its key."""
        self.own, self.plain = (), None

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


class MemoTable:
    """Results by key, those of them that no checkpoint has yet, and who computes what. Any thread may ask.

    Attributes:
        values: Results by key; to be read.
        in_flight: Tasks by the key that they compute; to be read.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.in_flight: dict[str, int] = {}
        self._lock = threading.Lock()
        self._unwritten: dict[str, TaskKey] = {}

    def value(self, key: str) -> Any:
        """The result, or ``MISSING``."""
        return self.values.get(key, MISSING)

    def keep_all(self, results: Sequence[tuple[TaskKey, Any]], *, unwritten: bool) -> None:
        """Have results, in the place of earlier ones; ``unwritten`` if a later checkpoint is to have them.

        Their calls are in flight no more.
        """
        with self._lock:
            for key, value in results:
                self.values[key] = value
                self.in_flight.pop(key, None)
                if unwritten:
                    self._unwritten[key] = key

    def ended(self, keys: Iterable[str]) -> None:
        """Calls are in flight no more: their results are elsewhere."""
        in_flight = self.in_flight
        for key in keys:
            in_flight.pop(key, None)  # which is done as a whole, so that it needs no lock

    def drop(self, keys: Iterable[str]) -> None:
        """Have results no longer: they are elsewhere."""
        with self._lock:
            for key in keys:
                self.values.pop(key, None)

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
            return [(key, self.values[key]) for key in taken if key in self.values]

    # --- calls in flight -----------------------------------------------------------------------------------------

    def attach(self, key: str, task: int) -> int | None:
        """The task that computes a key, or None: from now on that is ``task``."""
        first = self.in_flight.setdefault(key, task)
        return None if first == task else first

    def release(self, key: str, task: int) -> None:
        """A task will not compute a key; without effect if another one does."""
        with self._lock:
            if self.in_flight.get(key) == task:
                del self.in_flight[key]

    def __len__(self) -> int:
        return len(self.values)
