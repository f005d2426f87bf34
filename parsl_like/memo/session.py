"""The memory of one run: keys, results in memory, and the checkpoint on disk, as the kernel knows them.

The kernel asks on its prepare thread: ``key``, ``lookup``, ``attach``; it tells of results with ``remember`` and of
calls that will have none with ``release``. When results are written is the mode's affair; that is never done on the
thread that tells of them.

In the mode task_exit a result is acknowledged when the system has it, so that a program which is killed has lost
nothing that was seen; with ``sync`` when it is on disk. A disk that hangs holds up results for a second or two, unless
``sync`` says that they must not be seen before.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from parsl_like.memo.table import MISSING, MemoTable, TaskKey

if TYPE_CHECKING:
    from pathlib import Path

    from parsl_like.core.events import Acknowledge
    from parsl_like.core.task import AppSpec, TaskRow
    from parsl_like.memo.keys import Call, Keys
    from parsl_like.memo.plainkeys import PlainKeys
    from parsl_like.memo.store import Store

logger = logging.getLogger(__name__)

TASK_EXIT: Final = "task_exit"
PERIODIC: Final = "periodic"
WRITES_BY_ITSELF: Final = (TASK_EXIT, PERIODIC, "dfk_exit")
"""Modes in which everything has been written when the run has ended."""

CHECKPOINT_SECONDS: Final = 300.0
"""How long a checkpoint that the program asks for may take to be written."""
CLOSING_SECONDS: Final = 20.0
"""How long the last checkpoint of a run may take."""
HELD_SECONDS: Final = 1.0
"""How long a disk may keep a result that need not be on it."""
USUAL_PERIOD: Final = 30 * 60.0
"""How often results are written in the mode periodic if nobody says so, in seconds: Parsl's."""

APPS_KEPT: Final = 4096
"""Apps of which is known how keys of plain calls are made; a program may make an app per call."""

NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class MemoOptions:
    """What is to be remembered, and when it is written.

    Attributes:
        mode: When results are written: task_exit, periodic, dfk_exit, manual, or None for never.
        period: Seconds between two checkpoints in the mode periodic.
        sync: Whether a result is on disk, as far as the system can say, before its future has it.
        for_parsl: Whether Parsl, too, is to find the results in the checkpoint.
        environment: What else the results depend on, as part of every key; None for nothing.
        files: What files among the arguments are told apart by: content, time (and size) or name.
        hashers: What plugins say of how to tell arguments apart, by type.
    """

    mode: str | None = None
    period: float = USUAL_PERIOD
    sync: bool = False
    for_parsl: bool = False
    environment: bytes | None = None
    files: Literal["content", "time", "name"] = "content"
    hashers: Mapping[type, Any] | None = None


class MemoSession:
    """Remembers results (``core.ports.Memo``).

    Guarantees: a result that was not remembered is never given; what cannot be written stays in memory and costs a
    warning; every ``acknowledge`` is called once, at the latest when the memory is closed.

    Args:
        options: What is to be remembered.
        folder: Where this run's checkpoint goes; made when there is something to write.
        former: Folders of earlier runs' checkpoints.
        warn: Takes sentences on what is wrong with checkpoints; None has them logged.

    Attributes:
        folder: The same.
        remembers_first: Whether a task's end is to wait until its result has been acknowledged.
        wants_notes: Whether somebody is to keep the keys of calls that run, since no checkpoint may have them.
        when_asked: Called before a checkpoint that somebody asks for: brings the results that are on their way.
    """

    asks_about_all = False

    def __init__(
        self,
        options: MemoOptions,
        folder: Path,
        former: Sequence[Path] = (),
        *,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.folder = folder
        self.remembers_first = options.mode == TASK_EXIT
        self.wants_notes = options.mode not in WRITES_BY_ITSELF and (bool(former) or options.mode is not None)
        self.when_asked: Callable[[], None] | None = None
        self._options = options
        self._former = tuple(former)
        self._warn = warn or logger.warning
        self._table = MemoTable()
        self._keys: Keys | None = None
        self._call: type[Call]
        self._plain: dict[AppSpec, dict[int, PlainKeys | None]] = {}
        self._store: Store | None = None
        self._opening = threading.Lock()
        self._recalled: deque[str] = deque()
        self._awaited: set[Held] = set()
        self._awaits = threading.Event()
        self._late = False
        self._over = threading.Event()
        self._beside: threading.Thread | None = None

    def start(self) -> None:
        """Read what earlier runs have left, and begin to write from time to time if that is the mode.

        Raises:
            ParslError: the folder cannot be used.
        """
        if self._former:
            self._opened()
        if self._options.mode == PERIODIC:
            self._beside = threading.Thread(target=self._write_often, name="parsl-like-checkpoint-period", daemon=True)
        elif self._options.mode == TASK_EXIT and not self._options.sync:
            self._beside = threading.Thread(target=self._watch, name="parsl-like-checkpoint-watch", daemon=True)
        if self._beside is not None:
            self._beside.start()

    # --- calls -----------------------------------------------------------------------------------------------------

    def key(self, task: Mapping[str, Any]) -> TaskKey:
        """The key under which a call is remembered.

        Raises:
            MemoKeyError: an argument has a type that nobody has said how to tell apart; names it.
        """
        row: TaskRow | None = getattr(task, "_row", None)
        keys = self._keys or self._made_keys()
        said = _call_of(task) if row is None else _call_of_row(row)
        call = self._call(*said, environment=self._options.environment)
        made = keys.of(call)
        name, number = (task["func_name"], task["id"]) if row is None else (row.app.name, row.id)
        parts = made.parts
        if self._options.for_parsl:
            from parsl_like.memo.parsl_keys import parsl_part

            parts += parsl_part(call)
        key = TaskKey(made.text, parts, name, number)
        if self._store is not None and self._store.has_parsl:
            from parsl_like.memo.parsl_keys import parsl_keys_of

            key.of_parsl = parsl_keys_of(call)
        return key

    def claim(self, row: TaskRow) -> bool:
        """Whether a call with plain arguments by position is to run; if so, it is noted; on any thread.

        False if its result is remembered, or an equal one runs, or if it takes more than a moment to say. The row has
        the key now, if there is one.
        """
        args, task = row.args, row.attempt_id >> 16
        try:
            made = self._plain[row.app][len(args)]
        except KeyError:
            made = self._plain_keys(row)
        if made is None:
            return False
        row.key = key = made.of(args, task)
        table, store = self._table, self._store
        if table.in_flight.setdefault(key, task) != task:
            return False
        # Looked for after that, or one that has ended in between would not be found.
        if key in table.values or (store is not None and store.has(key.packed)):
            table.release(key, task)
            return False
        return True

    def _made_keys(self) -> Keys:
        from parsl_like.memo.keys import Call, Keys  # only for runs that remember something

        with self._opening:
            if self._keys is None:
                self._call = Call
                self._keys = Keys(self._options.files, self._options.hashers)
            return self._keys

    def _plain_keys(self, row: TaskRow) -> PlainKeys | None:
        made = None
        for_parsl = self._options.for_parsl
        if not for_parsl and not self.wants_notes and not (self._store is not None and self._store.has_parsl):
            keys = self._keys or self._made_keys()
            with suppress(Exception):  # code of the program's: the prepare thread meets it, and fails the task with it
                made = keys.plain(self._call(*_call_of_row(row), environment=self._options.environment))
        if len(self._plain) >= APPS_KEPT:
            self._plain.clear()
        self._plain.setdefault(row.app, {})[len(row.args)] = made
        return made

    def lookup(self, key: str) -> tuple[bool, Any]:
        """(True, result) if it is remembered, from this run or an earlier one."""
        value = self._table.value(key)
        if value is MISSING and self._store is not None:
            value = self._stored(self._store, key)
        return (False, None) if value is MISSING else (True, value)

    def attach(self, key: str, task: int) -> int | None:
        """The task in flight that computes the same key, or None after noting that ``task`` now does."""
        return self._table.attach(key, task)

    def release(self, key: str, task: int) -> None:
        """Note that a task will not compute a key."""
        self._table.release(key, task)

    def remember(self, key: str, value: Any, acknowledge: Callable[[], None]) -> None:
        """Keep a result; ``acknowledge`` is called once it is as safe as promised."""
        self.remember_all([key], [value], [-1], lambda _: acknowledge())

    def remember_all(self, keys: list[str], values: list[Any], tasks: list[int], acknowledge: Acknowledge) -> None:
        """Keep results.

        In the mode task_exit they are turned into bytes before they are acknowledged, so that what the program does to
        them afterwards is in no checkpoint.

        Args:
            keys: The keys.
            values: The results.
            tasks: Whose results they are.
            acknowledge: Called with tasks, once or several times, when their results are as safe as promised.
        """
        named = [key if type(key) is TaskKey else TaskKey(key) for key in keys]
        if self._options.mode != TASK_EXIT:
            self._table.keep_all(list(zip(named, values, strict=True)), unwritten=True)
            acknowledge(tasks)
            return
        held = Held(acknowledge, tasks)
        self._awaited.add(held)
        self._add(named, values, partial(self._settled, held))
        self._table.ended(named)
        if self._late:  # the disk does not take anything now
            self._let_go(held)
        elif not self._awaits.is_set():
            self._awaits.set()

    # --- the checkpoint --------------------------------------------------------------------------------------------

    def checkpoint(self, tasks: Sequence[int] | None = None) -> str:
        """Write what is not written yet, and wait until it is on disk.

        Args:
            tasks: Ids of tasks whose results are to be written; None for all.

        Returns:
            The checkpoint's folder. After ``close`` there is nothing to be written any more.
        """
        if self._over.is_set():
            return str(self.folder)
        if self.when_asked is not None:
            self.when_asked()
        self._write(tasks)
        if self._store is not None and not self._store.flush(durable=True, timeout=CHECKPOINT_SECONDS):
            logger.warning("the checkpoint that was asked for is not complete: %s", self.folder)
        return str(self.folder)

    def catch_up(self, timeout: float) -> None:
        """Wait, for so many seconds at most, until everything that was handed over for writing is on disk."""
        if self._store is not None:
            self._store.flush(durable=True, timeout=timeout)

    def close(self, patience: float = CLOSING_SECONDS) -> None:
        """Write what the mode says is to be written, for so many seconds at most, and release; once."""
        if self._over.is_set():
            return
        self._over.set()
        self._awaits.set()
        if self._beside is not None:
            self._beside.join(patience)
        if self._options.mode in WRITES_BY_ITSELF:
            self._write(None)
        if self._store is not None:
            self._store.close(patience)
        for held in list(self._awaited):
            self._let_go(held)

    def _write(self, tasks: Sequence[int] | None) -> None:
        if tasks is None and self._store is not None:
            for key in [self._recalled.popleft() for _ in range(len(self._recalled))]:
                self._store.carry(key)
        if entries := self._table.take_unwritten(tasks):
            keys = [key for key, _ in entries]
            self._add(keys, [value for _, value in entries], partial(self._written, keys))

    def _write_often(self) -> None:
        while not self._over.wait(self._options.period):
            try:
                self._write(None)
                if self._store is not None:
                    self._store.flush(durable=True, timeout=self._options.period)
            except Exception:  # the thread's root: the next checkpoint is due in any case
                logger.exception("a periodic checkpoint could not be written")

    def _watch(self) -> None:
        """Let results go that the disk has kept for too long; on a thread of its own, which sleeps if there is none."""
        while not self._over.is_set():
            self._awaits.wait()
            self._awaits.clear()
            while before := self._awaited.copy():
                if self._over.wait(HELD_SECONDS):
                    return
                for held in before & self._awaited:
                    self._late = True
                    self._let_go(held)

    def _add(self, keys: Sequence[TaskKey], values: Sequence[Any], settled: Callable[[bool], None]) -> None:
        store = self._store if self._store is not None else self._opened()
        if unwritable := store.add_all(keys, values, settled):
            self._table.keep_all(unwritable, unwritten=False)

    def _settled(self, held: Held, ok: bool) -> None:
        """What was to be written at once has been, or cannot be; on the writer's thread."""
        if ok:
            self._late = False
        self._let_go(held)

    def _let_go(self, held: Held) -> None:
        """Acknowledge, the first time."""
        try:
            self._awaited.remove(held)
        except KeyError:  # somebody else has
            return
        held.acknowledge(held.tasks)

    def _written(self, keys: Sequence[TaskKey], ok: bool) -> None:
        """What a checkpoint was to have is in it, or cannot be; on the writer's thread."""
        if ok:
            self._table.drop(keys)

    def _opened(self) -> Store:
        with self._opening:
            if self._store is None:
                from parsl_like.memo.store import Store

                store = Store(self.folder, self._former, durable=self._options.sync, warn=self._warn)
                loaded = store.load()
                if self._former:
                    logger.info("%s", loaded)
                self._store = store
            return self._store

    def _stored(self, store: Store, key: str) -> Any:
        value = _value_in(store, key)
        if value is not MISSING:
            if self._options.mode == TASK_EXIT:
                store.carry(key)
            elif self._options.mode is not None:
                self._recalled.append(key)
            return value
        if type(key) is TaskKey:
            for other in key.of_parsl:
                value = _value_in(store, other)
                if value is not MISSING:  # from now on it is ours, and the next run need not look for Parsl's
                    self._keep_of_parsl(key, value)
                    break
            key.of_parsl = ()  # it holds the arguments
        return value

    def _keep_of_parsl(self, key: TaskKey, value: Any) -> None:
        if self._options.mode == TASK_EXIT:
            self._add([key], [value], _unheard)
        else:
            self._table.keep_all([(key, value)], unwritten=True)


class Held:
    """Results whose tasks wait until they are safe.

    Attributes:
        acknowledge: Takes the tasks.
        tasks: Their ids.
    """

    __slots__ = ("acknowledge", "tasks")

    def __init__(self, acknowledge: Acknowledge, tasks: list[int]) -> None:
        self.acknowledge, self.tasks = acknowledge, tasks


def _unheard(_ok: bool) -> None:
    """Nobody waits for it."""


def _value_in(store: Store, key: str) -> Any:
    """A result on disk, or ``MISSING``."""
    if key not in store:
        return MISSING
    try:
        return store.value(key)
    except KeyError:  # damaged: the store has warned, and the call runs again
        return MISSING


Said = tuple[Any, str, Any, Any, frozenset[str], str | None]
"""The first fields of a call: function, name, arguments, keyword arguments, names that do not count, version."""


def _call_of(task: Mapping[str, Any]) -> Said:
    """What the call of a task says that is shown as a mapping."""
    return task["func"], task["func_name"], task["args"], task["kwargs"], frozenset(task["ignore_for_cache"]), None


def _call_of_row(row: TaskRow) -> Said:
    """The same of a row, whose values are in place."""
    app, ignored, version, name = row.app, NOTHING, None, row.app.name
    if app.ignore_for_cache:
        ignored = frozenset(app.ignore_for_cache)
    if row.hints is not None:
        ignored |= row.hints.get("unnamed_streams", NOTHING)
    for hint, value in app.hints:
        if hint == "version":
            version = value
    if app.join:
        name = f"{name} (join)"  # its result is that of the futures, and not the futures
    return app.func, name, row.args, row.kwargs, ignored, version
