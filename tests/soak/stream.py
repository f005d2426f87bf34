"""A stream of tasks with checkable results, and the account of them. Runs in the driver."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from tests.soak import work

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

SHARES = {"short": 50, "long": 8, "shell": 12, "chain": 10, "join": 8, "large": 8, "large result": 4}
"""Kinds of items, of a hundred."""

LINKS = 5
PARTS = 3
MEGABYTE = 1 << 20


@dataclass(slots=True)
class Item:
    """One entry of the stream: one task, or several that belong together; the last one's future is looked at."""

    number: int
    kind: str
    marks: list[str]
    expected: Any
    since: float
    future: Future[Any] | None = None


@dataclass(slots=True)
class Account:
    """What became of the items. ``wrong`` holds the first complaints, as text."""

    submitted: int = 0
    settled: int = 0
    right: int = 0
    runs: int = 0
    hogs: int = 0
    tasks: int = 0
    twice: int = 0
    complaints: int = 0
    wrong: list[str] = field(default_factory=list)

    def complain(self, text: str) -> None:
        """Something is not as it must be."""
        self.complaints += 1
        if len(self.wrong) < 20:
            self.wrong.append(text[:2000])


class Stream:
    """Submits items, and checks each as it ends.

    Args:
        seed: Equal seeds give equal items.
        directory: Where tasks leave their lines.
        most: Items under way at a time.
    """

    def __init__(self, seed: int, directory: str, most: int) -> None:
        self.account = Account()
        self._seed = seed
        self._directory = directory
        self._room = threading.Semaphore(most)
        self._under_way: dict[int, Item] = {}
        self._lock = threading.Lock()
        self._ended: deque[Item] = deque()
        self._news = threading.Semaphore(0)
        self._next = 0

    # --- submitting

    def submit(self, kind: str | None = None, where: str = "") -> None:
        """Submit the next item, after there is room for it."""
        self._room.acquire()
        with self._lock:
            number = self._next
            self._next += 1
        random = Random(f"item {number} of {self._seed}")
        kind = kind or random.choices(list(SHARES), list(SHARES.values()))[0]
        make: dict[str, Callable[[Item, Random], Future[Any]]] = {
            "short": self._short,
            "long": self._long,
            "shell": self._shell,
            "chain": self._chain,
            "join": self._join,
            "large": self._large,
            "large result": self._large,
            "hog": lambda item, _: work.hog.options(executors=[where], retries=0)(self._mark(item)),
        }
        item = Item(number, kind, [], None, time.monotonic())
        with self._lock:
            self._under_way[number] = item
        self.account.submitted += 1
        item.future = make[kind](item, random)
        self.account.tasks += len(item.marks) + (kind == "join")
        item.future.add_done_callback(lambda _: self._end(item))

    def _mark(self, item: Item) -> str:
        path = os.path.join(self._directory, f"{item.number}-{len(item.marks)}")
        item.marks.append(path)
        return path

    def _short(self, item: Item, random: Random) -> Future[Any]:
        item.expected = work.answer(self._seed, item.number)
        return work.digest(self._mark(item), random.uniform(0, 0.05), self._seed, item.number)

    def _long(self, item: Item, random: Random) -> Future[Any]:
        item.expected = work.answer(self._seed, item.number)
        return work.digest(self._mark(item), random.uniform(0.5, 3.0), self._seed, item.number)

    def _shell(self, item: Item, _: Random) -> Future[Any]:
        item.expected = 0
        return work.shell(self._mark(item), work.answer(self._seed, item.number))

    def _chain(self, item: Item, _: Random) -> Future[Any]:
        last: Any = self._seed
        item.expected = self._seed
        for link in range(LINKS):
            last = work.digest(self._mark(item), 0.0, last, link)
            item.expected = work.answer(item.expected, link)
        return last

    def _join(self, item: Item, _: Random) -> Future[Any]:
        item.expected = [work.answer(self._seed, item.number, part) for part in range(PARTS)]
        return work.several([self._mark(item) for _ in range(PARTS)], self._seed, item.number)

    def _large(self, item: Item, random: Random) -> Future[Any]:
        data, whole = random.randbytes(MEGABYTE), item.kind == "large result"
        item.expected = data[::-1] if whole else work.answer(data)
        return work.mirror(self._mark(item), data, whole)

    # --- checking

    def _end(self, item: Item) -> None:
        """Called by the kernel when the future has ended; must be so once."""
        with self._lock:
            known = self._under_way.pop(item.number, None)
        if known is None:
            self.account.twice += 1
            self.account.complain(f"item {item.number} ({item.kind}) was announced twice")
            return
        self._ended.append(item)
        self._news.release()

    def check(self, patience: float) -> bool:
        """Check the next item that has ended; False if there is none within ``patience`` seconds."""
        if not self._news.acquire(timeout=patience):
            return False
        item = self._ended.popleft()
        account = self.account
        account.settled += 1
        before = account.complaints
        if item.kind == "hog":
            self._check_hog(item)
        else:
            self._check_value(item)
        account.right += account.complaints == before
        item.future = item.expected = None
        self._room.release()
        return True

    def _check_value(self, item: Item) -> None:
        assert item.future is not None
        error = item.future.exception(0)
        if error is not None:
            self.account.complain(f"item {item.number} ({item.kind}) failed: {type(error).__name__}: {error}")
        elif item.future.result(0) != item.expected:
            self.account.complain(f"item {item.number} ({item.kind}) has the value {item.future.result(0)!r:.200}")
        for path in item.marks:
            lines = self._lines(path)
            if not lines:
                self.account.complain(f"item {item.number} ({item.kind}) has ended, but {path} says it never ran")
            elif item.kind == "shell" and set(lines) != {work.answer(self._seed, item.number)}:
                self.account.complain(f"item {item.number} (shell) wrote {lines!r:.200}")
            self.account.runs += len(lines)

    def _check_hog(self, item: Item) -> None:
        """It must fail, for want of memory or because its worker died of it."""
        assert item.future is not None
        self.account.hogs += 1
        error = item.future.exception(0)
        if type(error).__name__ not in ("MemoryError", "WorkerLost", "RemoteError"):
            self.account.complain(f"the memory hog {item.number} ended with {error!r:.500}")
        for path in item.marks:
            self.account.runs += len(self._lines(path))

    def _lines(self, path: str) -> list[str]:
        with suppress(FileNotFoundError):
            with open(path, encoding="ascii") as file:
                lines = file.read().splitlines()
            os.unlink(path)
            return lines
        return []

    # --- looking in

    def oldest(self) -> dict[str, Any] | None:
        """The item that has been under way for longest."""
        with self._lock:
            item = min(self._under_way.values(), key=lambda each: each.since, default=None)
        if item is None:
            return None
        return {"item": item.number, "kind": item.kind, "seconds": round(time.monotonic() - item.since, 1)}

    @property
    def under_way(self) -> int:
        """Items that have not ended."""
        return len(self._under_way)

    def late_runs(self) -> int:
        """Lines that came after their item had been checked: attempts that were given up and ran all the same."""
        return sum(len(self._lines(os.path.join(self._directory, name))) for name in os.listdir(self._directory))
