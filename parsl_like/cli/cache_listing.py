"""The remembered results that run directories hold: listed, found by a part of their key, forgotten, and copied."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parsl_like.errors import ConfigurationError
from parsl_like.memo.entries import PARSL_PART
from parsl_like.memo.index import CHECKPOINT_FILE, checkpoint_paths
from parsl_like.memo.parsl_pickles import write_parsl
from parsl_like.memo.store import Store
from parsl_like.utils import get_all_checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsl_like.memo.entries import Parts
    from parsl_like.memo.store import Listed


@dataclass(frozen=True, slots=True)
class Result:
    """One remembered result. Its value has not been rebuilt.

    Attributes:
        run: The name of the run's directory.
        key: Its key.
        app: The app's name; empty where not known, as in files of Parsl's.
        task: The task that computed it, in that run; -1 where not known.
        time: When it was remembered, in seconds since the epoch.
        size: About how many bytes it takes.
        path: The file that it is in.
        parts: What its key was made of.
    """

    run: str
    key: str
    app: str
    task: int
    time: float
    size: int
    path: str
    parts: Parts = ()

    def facts(self) -> dict[str, Any]:
        """Plain data."""
        named = {name: getattr(self, name) for name in ("run", "key", "app", "task", "time", "size", "path")}
        return named | {"parts": {label: digest.hex() for label, digest in self.parts}}


@dataclass(slots=True)
class Share:
    """What one app has in one run.

    Attributes:
        run: The name of the run's directory.
        app: The app's name.
        results: How many there are.
        size: How many bytes they take.
        first: When the first was remembered, in seconds since the epoch.
        last: When the last was.
    """

    run: str
    app: str
    results: int = 0
    size: int = 0
    first: float = float("inf")
    last: float = 0.0

    def take(self, result: Result) -> None:
        """Count a result."""
        self.results += 1
        self.size += result.size
        self.first, self.last = min(self.first, result.time), max(self.last, result.time)


@dataclass(slots=True)
class Cache:
    """The checkpoints below a folder.

    Args:
        run_dir: The folder of all runs, the directory of one, or its checkpoint folder.

    Attributes:
        troubles: What could not be read or written, one sentence for each.

    Raises:
        ConfigurationError: there is none.
    """

    run_dir: str
    troubles: list[str] = field(default_factory=list)

    def folders(self) -> list[str]:
        """The checkpoint folders, the oldest run's first."""
        found = get_all_checkpoints(self.run_dir)
        if not found and checkpoint_paths(self.run_dir):
            inside = os.path.join(self.run_dir, "checkpoint")
            found = [os.path.abspath(inside if os.path.isdir(inside) else self.run_dir)]
        return found

    def results(self, wanted: Callable[[Result], bool] = lambda _: True) -> Iterator[Result]:
        """The results of all runs, the oldest run's first; those that a later run has again are there again."""
        for folder in self.folders():
            with self._opened(folder) as store:
                for listed in store.listed():
                    result = _result(folder, listed)
                    if wanted(result):
                        yield result

    def shares(self, app: str | None = None) -> list[Share]:
        """How much each app has in each run."""
        found: dict[tuple[str, str], Share] = {}
        for result in self.results(lambda each: app is None or each.app == app):
            key = result.run, result.app
            found.setdefault(key, Share(*key)).take(result)
        return list(found.values())

    def find(self, beginning: str) -> Result:
        """The newest result whose key begins so.

        Raises:
            ConfigurationError: there is none, or several keys do.
        """
        found = list(self.results(lambda each: each.key.startswith(beginning)))
        keys = {each.key for each in found}
        if len(keys) > 1:
            raise ConfigurationError(f"{len(keys)} keys begin with {beginning!r}: say more of it.")
        if not found:
            raise ConfigurationError(f"No result in {self.run_dir} has a key that begins with {beginning!r}.")
        return max(found, key=lambda each: each.time)

    def value(self, result: Result) -> Any:
        """A result's value. This runs the code by which it is rebuilt.

        Raises:
            DamagedRecord: it cannot be had.
        """
        with self._opened(os.path.dirname(result.path)) as store:
            return store.value(result.key)

    def forget(self, wanted: Callable[[Result], bool]) -> int:
        """Have results not be given any more, by any run that loads them from here; gives how many."""
        forgotten = set()
        for folder in self.folders():
            with self._opened(folder) as store:
                keys = [listed.facts.key for listed in store.listed() if wanted(_result(folder, listed))]
                if not keys:
                    continue
                store.forget(keys)
                if store.flush():
                    forgotten |= set(keys)
        return len(forgotten)

    def export(self, place: str, *, as_parsl: bool) -> tuple[int, int]:
        """Gather the results of all runs in one checkpoint, which must not be there yet.

        Args:
            place: The folder for it.
            as_parsl: As Parsl writes it; values are rebuilt for that.

        Returns:
            How many there are, and how many of them Parsl would find.

        Raises:
            ConfigurationError: there is a checkpoint already.
            OSError: the folder cannot be made or written to.
        """
        path = os.path.join(place, CHECKPOINT_FILE)
        if os.path.lexists(path):
            raise ConfigurationError(f"{path} is there already.")
        os.makedirs(place, mode=0o700, exist_ok=True)
        with self._opened(place, self.folders()) as store:
            listed = [_result(place, each) for each in store.listed()]
            if as_parsl:
                write_parsl(path, self._values(store, listed))
            else:
                for result in listed:
                    store.carry(result.key)
                store.flush()
        return len(listed), sum(_for_parsl(result) != result.key or len(result.key) == 32 for result in listed)

    def _values(self, store: Store, results: Sequence[Result]) -> Iterator[tuple[str, Any]]:
        for result in results:
            try:
                yield _for_parsl(result), store.value(result.key)
            except KeyError as error:
                self.troubles.append(f"{result.key} is left out: {error}")

    @contextmanager
    def _opened(self, folder: str, former: Sequence[str] = ()) -> Iterator[Store]:
        store = Store(folder, former, warn=self.troubles.append)
        try:
            store.load()
            yield store
        finally:
            store.close()


def _result(folder: str, listed: Listed) -> Result:
    facts, path, size = listed
    place = os.path.dirname(path or folder)
    run = os.path.basename(os.path.dirname(place)) if os.path.basename(place) == "checkpoint" else place
    return Result(run, facts.key, facts.name, facts.task, facts.time, size, path, facts.parts)


def _for_parsl(result: Result) -> str:
    """The key under which Parsl looks for a result, as far as it is known."""
    return next((digest.hex() for label, digest in result.parts if label == PARSL_PART), result.key)
