"""Results on disk: what earlier runs have remembered can be had, what this one remembers is written.

A run writes to a file of its own in its checkpoint folder; it only ever reads the files of others. So several runs, on
several machines, never touch each other's. A result that cannot be read is not there, and one that cannot be written
costs a warning: the run goes on in either case.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from parsl_like.errors import ParslError, SerializationError
from parsl_like.journal.errors import DamagedRecord, JournalError
from parsl_like.memo.batches import TICK, Batch
from parsl_like.memo.entries import Entry as Entry  # noqa: PLC0414 - offered from here
from parsl_like.memo.entries import packed_key, pickled, unpacked_key
from parsl_like.memo.index import Index, Shelf, described
from parsl_like.memo.items import ADDED, COPIED, FORGET, HOPELESS, Item, Waits
from parsl_like.memo.loading import Loaded as Loaded  # noqa: PLC0414
from parsl_like.memo.loading import load
from parsl_like.memo.logfile import ResultLog
from parsl_like.memo.writing import CheckpointWriter
from parsl_like.serialize.unpickling import is_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from parsl_like.memo.entries import Facts, Parts
    from parsl_like.memo.table import TaskKey

logger = logging.getLogger(__name__)

_NONE: Final = pickled(None)

MOST_PENDING: Final = 1024**3
"""Bytes that may wait for a disk that does not keep up; what comes on top of it is not written."""
CLOSING_SECONDS: Final = 20.0


class Listed(NamedTuple):
    """What is known about a result that is on disk.

    Attributes:
        facts: What is known about it.
        path: The file that it is in.
        size: How many bytes it takes there.
    """

    facts: Facts
    path: str
    size: int


class Store:
    """Remembered results on disk. Any thread may use it; nothing is touched before it is.

    Guarantees: a value that is given is the one that was added; what was added before a :meth:`flush` that said True
    is found by the next run, whatever becomes of this one; no method but ``flush`` and ``close`` waits for a disk that
    is being written to.

    Args:
        folder: The checkpoint folder of this run; made when there is something to write.
        former: Checkpoint folders of earlier runs, or their run directories, or single files.
        durable: Whether results count as written only when they are on the disk, as far as the system can say; else
            when the system has them, which survives the end of the program but not that of the machine, and they are
            on the disk some seconds later.
        warn: Takes the warnings, each of which is given once; None has them logged.

    Attributes:
        folder: The same.
    """

    def __init__(
        self,
        folder: Path | str,
        former: Sequence[Path | str] = (),
        *,
        durable: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = os.path.abspath(folder)
        self._former = [os.path.abspath(each) for each in former]
        self._warn = warn or logger.warning
        self._warned: set[str] = set()
        self._lock = threading.Lock()
        self._index = Index()
        self._shelf = Shelf()
        self._own: dict[str, int] = {}
        self._pending: dict[bytes, Item | Batch] = {}
        self._pending_bytes = 0
        self._time = 0.0
        self._of_parsl = 0
        self._tell: Callable[[Sequence[str], bool], None] | None = None
        self._writer = CheckpointWriter(
            self.folder,
            durable=durable,
            written=self._written,
            itemized=self._itemized,
            settled=self._settled,
            warn=self._warn_once,
        )

    # --- what there is -------------------------------------------------------------------------------------------

    def load(self) -> Loaded:
        """Find the results of earlier runs, and those that are in this run's folder already.

        Where a key is in several files, the file that was begun last counts. Called once, before anything is added.
        """
        loaded = load(self._former, self.folder, self._index, self._shelf)
        self._of_parsl += sum(file.results for file in loaded.files if file.is_parsl)
        for sentence in loaded.troubles:
            self._warn(sentence)
        return loaded

    @property
    def has_parsl(self) -> bool:
        """Whether results were loaded that Parsl wrote, which are under keys of Parsl's."""
        return self._of_parsl > 0

    def __contains__(self, key: object) -> bool:
        return self.has(packed_key(str(key)))

    def has(self, packed: bytes) -> bool:
        """Whether there is a result under a packed key."""
        return packed in self._pending or packed in self._index.places

    def __len__(self) -> int:
        with self._lock:
            return len(self._index) + sum(key not in self._index for key in self._pending)

    def value(self, key: str) -> Any:
        """A remembered result. This runs the code by which it is rebuilt.

        Raises:
            KeyError: there is none; as :class:`DamagedRecord`, if it cannot be had; it is dropped then.
        """
        packed = packed_key(key)
        with self._lock:
            item, place = self._waiting(packed), self._index.place(packed)
        if item is not None and item.blob is not None:  # its state may be anything: it is what was added last
            return self._rebuilt(item)
        if place is None:
            raise KeyError(key)
        try:
            with self._shelf.reading(place[0]) as file:
                return file.value(place[1], packed)
        except (JournalError, OSError) as error:
            raise self._lost(packed, place, error) from error

    def _waiting(self, packed: bytes) -> Item | None:
        """What waits to be written under a key; under the lock."""
        found = self._pending.get(packed)
        return found.item(packed) if type(found) is Batch else found  # type: ignore[return-value]

    def _rebuilt(self, item: Item) -> Any:
        from parsl_like.serialize.unpickling import rebuild

        try:
            return rebuild("a remembered result", item.blob or b"")
        except ParslError as error:
            raise DamagedRecord(self.folder, f"cannot be rebuilt here: {error}", 0) from error

    def _lost(self, packed: bytes, place: tuple[int, int], error: Exception) -> DamagedRecord:
        with self._lock:
            if self._index.place(packed) == place:
                self._index.drop(packed)
        lost = error if isinstance(error, DamagedRecord) else None
        if lost is None:
            lost = DamagedRecord(self._shelf.path(place[0]), f"cannot be read: {described(error)}", place[1])
        self._warn_once("read", f"{lost} It is computed again, and so is what else cannot be read")
        return lost

    def facts(self, key: str) -> Facts:
        """What is known about a result without its value.

        Raises:
            KeyError: as for :meth:`value`.
        """
        from parsl_like.memo.entries import Facts

        packed = packed_key(key)
        with self._lock:
            item, place = self._waiting(packed), self._index.place(packed)
        if item is not None and item.source is None:
            return Facts(item.text, item.time, item.task, item.name, item.parts)
        if place is None:
            raise KeyError(key)
        try:
            with self._shelf.reading(place[0]) as file:
                return file.facts(place[1])
        except (JournalError, OSError) as error:
            raise self._lost(packed, place, error) from error

    def parts(self, key: str) -> Parts:
        """What a key was made of, which tells why another one differs; raises as :meth:`value` does."""
        return self.facts(key).parts

    def listed(self) -> Iterator[Listed]:
        """What is known about every result that is on disk and can be read, in the order of files and places."""
        with self._lock:
            places = sorted((number, offset, key) for key, number, offset in self._index.items())
        for number, offset, key in places:
            try:
                with self._shelf.reading(number) as file:
                    found = Listed(file.facts(offset), file.path, file.size(offset))
            except (JournalError, OSError) as error:
                self._warn_once("read", f"{unpacked_key(key)} cannot be read: {described(error)}")
                continue
            yield found

    # --- what is added -------------------------------------------------------------------------------------------

    def on_written(self, callback: Callable[[Sequence[str], bool], None]) -> None:
        """Have a function told, for everything that is added, when it is as safe as promised.

        Args:
            callback: Called on the writer's thread with keys, and whether they are written; once for each entry added.
                False says that one could not be written: its value is not in the checkpoint, and was warned about.
        """
        self._tell = callback

    def add(self, entries: Sequence[Entry]) -> None:
        """Remember results. Values are turned into bytes now and written later; nothing is raised for any of them."""
        items = []
        for key, parts, name, task, value in entries:
            blob = self._blob(value, name)
            state = ADDED if blob is not None else HOPELESS
            items.append(Item(packed_key(key), key, blob, parts, name, task, state))
        self._hand_over(items)

    def add_all(
        self, keys: Sequence[TaskKey], values: Sequence[object], settled: Callable[[bool], None]
    ) -> list[tuple[TaskKey, object]]:
        """Remember results that came together, which costs less than to :meth:`add` them.

        Args:
            keys: Their keys; what they were made of is not in them any more when they have been written.
            values: The results.
            settled: Called once, as a rule on the writer's thread, with whether all of them are as safe as promised,
                those apart that nobody can write.

        Returns:
            Those that nobody can write.
        """
        blobs = [
            _NONE if value is None else self._blob(value, key.name) for key, value in zip(keys, values, strict=True)
        ]
        if Batch.takes(blobs):
            batch = Batch(keys, blobs, settled)  # type: ignore[arg-type]  # all of them are there
            pending = dict.fromkeys(batch.packed, batch)
            if len(pending) == len(keys) and self._take(batch, pending):
                if not self._writer.add([batch]):
                    batch.settle(ok=False)
                return []
        return self._add_singly(keys, values, blobs, settled)

    def _take(self, batch: Batch, pending: dict[bytes, Batch]) -> bool:
        with self._lock:
            if self._pending_bytes + batch.size > MOST_PENDING:
                return False
            batch.time = max(time.time(), self._time)  # never earlier than what is known already
            self._time = batch.time + len(batch) * TICK
            for key in self._pending.keys() & pending.keys() if self._pending else ():
                self._unpend(key)
            self._pending.update(pending)
            self._pending_bytes += batch.size
            return True

    def _add_singly(
        self,
        keys: Sequence[TaskKey],
        values: Sequence[object],
        blobs: Sequence[bytes | None],
        settled: Callable[[bool], None],
    ) -> list[tuple[TaskKey, object]]:
        waits = Waits(len(keys), settled)
        items = []
        for key, blob in zip(keys, blobs, strict=True):
            item = Item(packed_key(key), str(key), blob, key.parts, key.name, key.task, ADDED if blob else HOPELESS)
            item.waits = waits
            items.append(item)
            key.forget_parts()  # the item has them
        self._hand_over(items)
        return [(key, value) for key, value, item in zip(keys, values, items, strict=True) if item.blob is None]

    def _blob(self, value: object, name: str) -> bytes | None:
        try:
            return pickled(value)
        except SerializationError as error:
            self._warn_once("pickle", f"a result of {name or 'an app'} is not in it: {error}")
        except BaseException as error:  # a value of the program's own, with methods of its own
            if is_interrupt(error):
                raise
            self._warn_once("pickle", f"a result of {name or 'an app'} is not in it: {error!r}")
        return None

    def _hand_over(self, items: list[Item]) -> None:
        with self._lock:
            now = max(time.time(), self._time)  # never earlier than what is known already
            pending = self._pending
            for item in items:
                now += 1e-6
                item.time = now
                if item.blob is None:
                    continue
                if self._pending_bytes + item.size > MOST_PENDING:
                    item.blob, item.state = None, HOPELESS
                    self._warn_once("full", "the disk does not keep up, and results are not in it any more")
                    continue
                if item.key in pending:
                    self._unpend(item.key)
                pending[item.key] = item
                self._pending_bytes += item.size
            self._time = now
        if not self._writer.add(items):
            self._settled([item for item in items if item.state < COPIED], False)

    def _unpend(self, key: bytes) -> None:
        item = self._pending.pop(key, None)
        if type(item) is Batch:  # its room is given back as a whole
            item.is_whole = False
        elif item is not None:
            self._pending_bytes -= item.size

    def carry(self, key: str) -> None:
        """Have a result of an earlier run also in this run's checkpoint, which then suffices for the next run."""
        packed = packed_key(key)
        with self._lock:
            place = self._index.place(packed)
            if place is None or packed in self._pending or place[0] in self._own.values():
                return
            item = Item(packed, key, state=COPIED)

            def source() -> tuple[bytes, bytes]:
                with self._shelf.reading(place[0]) as file:
                    return file.raw(place[1])

            item.source = source
            self._pending[packed] = item
            self._pending_bytes += item.size
        self._hand_over([item])

    def forget(self, keys: Iterable[str]) -> None:
        """Give these results no more, nor let a run that loads this run's checkpoint do so."""
        items = []
        with self._lock:
            for key in keys:
                packed = packed_key(key)
                self._index.drop(packed)
                self._unpend(packed)
                items.append(Item(packed, key, state=FORGET))
        self._hand_over(items)

    def forget_all(self) -> None:
        """Give none of the results that there are, nor let a run that loads this run's checkpoint do so."""
        with self._lock:
            self._index = Index()
            for key in list(self._pending):
                self._unpend(key)
        self._hand_over([Item(b"", "", state=FORGET)])

    def flush(self, durable: bool = True, timeout: float | None = None) -> bool:
        """Wait until what was added so far is written.

        Args:
            durable: Whether it has to be on the disk, as far as the system can say.
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            Whether it is.
        """
        return self._writer.flush(durable=durable, timeout=timeout)

    def close(self, timeout: float = CLOSING_SECONDS) -> None:
        """Write what is left, for so many seconds at most, and release everything."""
        end = time.monotonic() + timeout
        self._writer.flush(durable=True, timeout=timeout)
        if not self._writer.close(max(0.1, end - time.monotonic())):
            self._warn_once("slow", f"it was not written within {timeout:g} s; results may be missing")
        elif self._writer.unwritten:
            logger.info("%d results are not in the checkpoint in %s", self._writer.unwritten, self.folder)
        self._shelf.close()

    # --- on the writer's thread ----------------------------------------------------------------------------------

    def _written(self, path: str, items: Sequence[Item] | Batch, offsets: Sequence[int]) -> None:
        number = self._number(path)
        if number is None:
            return  # their values stay in memory
        if isinstance(items, Batch):
            self._batch_written(items, number, offsets)
            return
        pending = self._pending
        with self._lock:
            for item, offset in zip(items, offsets, strict=True):
                if pending.get(item.key) is item:
                    self._pending_bytes -= item.size
                    del pending[item.key]
                    self._index.put(item.key, number, offset)

    def _batch_written(self, batch: Batch, number: int, offsets: Sequence[int]) -> None:
        pending, keys = self._pending, batch.packed
        with self._lock:
            self._pending_bytes -= batch.size
            if not batch.is_whole:
                own = [(key, at) for key, at in zip(keys, offsets, strict=True) if pending.get(key) is batch]
                keys, offsets = [key for key, _ in own], [at for _, at in own]
            self._index.put_many(number, keys, offsets)
            if len(keys) == len(pending):  # as a rule, nothing else waits
                pending.clear()
            else:
                for key in keys:
                    del pending[key]

    def _itemized(self, batch: Batch) -> list[Item]:
        """The results of a batch one by one; those that are still to be given are given by these."""
        pending = self._pending
        with self._lock:
            self._pending_bytes -= batch.size
            items = [batch.item(key) for key in batch.packed]
            for item in items:
                if pending.get(item.key) is batch:
                    pending[item.key] = item
                    self._pending_bytes += item.size
        return items

    def _number(self, path: str) -> int | None:
        """The number of a file that this run writes; None if it cannot be read."""
        number = self._own.get(path)
        if number is None:
            try:
                number = self._own[path] = self._shelf.put(ResultLog(path))
            except (JournalError, OSError) as error:
                self._warn_once("own", f"what is written cannot be read: {described(error)}")
        return number

    def _settled(self, items: Sequence[Item], ok: bool) -> None:
        keys = []
        for item in items:
            if item.waits is None:
                keys.append(item.text)
            else:
                item.waits.one(ok=ok or item.blob is None)  # for what nobody can write nobody waits
        if keys and self._tell is not None:
            self._tell(keys, ok)

    def _warn_once(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            self._warn(f"Checkpoint in {self.folder}: {text}.")
