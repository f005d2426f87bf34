"""Memoizers by Parsl's names, and the seam of memoization: key, lookup, attach, acknowledged remember.

A :class:`BasicMemoizer` says what is wanted, and ``parsl_like.memo.session`` does it. A memoizer of the program's own,
with :class:`Memoizer`'s methods, is asked about every task (``recalling.py``).
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from parsl_like.config import Config, expect_checkpoint_options
from parsl_like.dataflow.errors import BadCheckpoint

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.core.events import Acknowledge
    from parsl_like.core.ports import Memo
    from parsl_like.memo.hashers import id_for_memo as id_for_memo  # noqa: PLC0414 - for those who import it from here
    from parsl_like.memo.session import MemoSession

CHECKPOINT_FOLDER: Final = "checkpoint"
"""The name of a run's checkpoint, in the run's directory."""


class Memoizer:
    """The base of memoizers that programs write and give as ``Config(memoizer=...)``.

    It is asked, and told of ends, on one thread of the kernel's, one at a time. A method that raises when it is told of
    an end is logged; what ``check_memo`` raises is the end of the task.
    """

    def start(self, *, run_dir: str, config_run_dir: str) -> None:
        """Called before the first task.

        Args:
            run_dir: The directory of this run.
            config_run_dir: The directory of all runs.
        """

    def check_memo(self, task: Any) -> Future[Any] | None:
        """Asked about every task whose arguments are there.

        Args:
            task: The task's record; ``task["memoize"]`` says whether its app has ``cache=True``. The memoizer may set
                ``task["hashsum"]``, which is there again when the end of the task is told.

        Returns:
            A future of the remembered end, which the task gets without running; None to have it run.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it remembers (check_memo).")

    def update_memo_result(self, task: Any, r: Any) -> None:
        """Told the result ``r`` of a task that has run."""

    def update_memo_exception(self, task: Any, e: BaseException) -> None:
        """Told the exception ``e`` of a task that has failed for good."""

    def close(self) -> None:
        """Called when the kernel has told it of every end."""


class BasicMemoizer(Memoizer):
    """What is to be remembered, and when it is written.

    It is a value that any number of runs may use. A class derived from it has methods that remember: it may extend
    ``check_memo`` and the others, and is then asked about every task.

    Args:
        checkpoint_files: Directories of earlier runs' checkpoints to begin with; None for all those in the folder of
            all runs if there is a ``checkpoint_mode``, else for none.
        checkpoint_period: How often, for the mode periodic: "hours:minutes:seconds".
        checkpoint_mode: When results are written: task_exit, periodic, dfk_exit, manual, or None for never.
        memoize: Whether apps with ``cache=True`` are remembered at all.

    Raises:
        ConfigurationError: an argument cannot be meant.
    """

    def __init__(
        self,
        *,
        checkpoint_files: Sequence[str | os.PathLike[str]] | None = None,
        checkpoint_period: str | None = None,
        checkpoint_mode: str | None = None,
        memoize: bool = True,
    ) -> None:
        self.checkpoint_files = checkpoint_files
        self.checkpoint_period = checkpoint_period
        self.checkpoint_mode = checkpoint_mode
        self.memoize = memoize
        expect_checkpoint_options(self, "memoize")

    def start(self, *, run_dir: str, config_run_dir: str) -> None:
        """Begin to remember for a run; for classes derived from this one.

        Args:
            run_dir: The directory of this run.
            config_run_dir: The directory of all runs.

        Raises:
            BadCheckpoint: one of ``checkpoint_files`` is not there.
        """
        given: Given | None = self.__dict__.pop("_given", None)
        if given is None:
            given = Given(former_checkpoints(self, run_dir, config_run_dir))
        session = open_session(self, run_dir, given)
        session.start()
        self._keep(session)
        self.__dict__["_own"] = session

    def check_memo(self, task: Any) -> Future[Any] | None:
        """A future of the result of an equal call, if it is remembered; None if the task has to run."""
        session = self.__dict__.get("_own")
        if session is None or not (self.memoize and task["memoize"]):
            return None
        key = session.key(task)
        task["hashsum"] = key
        found, value = session.lookup(key)
        if not found:
            return None
        from concurrent.futures import Future

        future: Future[Any] = Future()
        future.set_result(value)
        return future

    def update_memo_result(self, task: Any, r: Any) -> None:
        """Remember the result ``r`` of a task."""
        session, key = self.__dict__.get("_own"), task["hashsum"]
        if session is not None and key:
            session.remember(key, r, lambda: None)

    def checkpoint(self) -> None:
        """Write what is not written yet, of every run that uses this memoizer, and wait until it is on disk."""
        for session in [ref() for ref in self.__dict__.get("_sessions", ())]:
            if session is not None:
                session.checkpoint()

    def close(self) -> None:
        """Write what the mode says is to be written; for classes derived from this one."""
        session = self.__dict__.pop("_own", None)
        if session is not None:
            session.close()
            self._forget(session)

    def _keep(self, session: MemoSession) -> None:
        """Know a session, weakly, for ``checkpoint``."""
        self.__dict__["_sessions"] = [*self.__dict__.get("_sessions", ()), weakref.ref(session)]

    def _forget(self, session: Any) -> None:
        """Know a session no longer; when it knows none, it is what was said and nothing else."""
        left = [ref for ref in self.__dict__.pop("_sessions", ()) if ref() not in (None, session)]
        if left:
            self.__dict__["_sessions"] = left

    def _said(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __getstate__(self) -> dict[str, Any]:
        return self._said()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._said().items())
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BasicMemoizer) and type(other) is type(self) and other._said() == self._said()

    __hash__ = None  # type: ignore[assignment]  # it can be changed


def memoizer_of(config: Config) -> Any:
    """The memoizer that a configuration asks for, by a memoizer or by the options of Parsl 1.2."""
    if config.memoizer is not None:
        return config.memoizer
    files = config.checkpoint_files
    if files is None and config.checkpoint_mode is not None:
        files = []  # Parsl 1.2 begins with none unless it is told
    return BasicMemoizer(
        checkpoint_files=files,
        checkpoint_period=config.checkpoint_period,
        checkpoint_mode=config.checkpoint_mode,
        memoize=config.app_cache,
    )


def memo_of(
    memoizer: Any,
    config: Config,
    run_dir: str,
    former: Sequence[str] = (),
    hashers: Mapping[type, Any] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Memo:
    """What the kernel asks: the program's own memoizer, which is started, the package's, or nothing.

    Args:
        memoizer: Of the run.
        config: Of the run.
        run_dir: The directory of this run.
        former: Folders of earlier runs' checkpoints, for the package's own.
        hashers: What plugins say of how to tell arguments apart, by type.
        warn: Takes sentences on what is wrong with checkpoints; None has them logged.
    """
    given = Given(former, config, hashers, warn)
    if type(memoizer) is not BasicMemoizer:
        from parsl_like.dataflow.recalling import ProgramMemo  # few programs bring one

        memo = ProgramMemo(memoizer)
        if isinstance(memoizer, BasicMemoizer):
            memoizer.__dict__["_given"] = given
        memo.start(run_dir, str(config.run_dir))
        return memo
    if not memoizer.memoize:
        return NoMemo()
    session = open_session(memoizer, run_dir, given)
    session.start()
    memoizer._keep(session)
    return session


class Given(NamedTuple):
    """What a run gives to its memory beside what the memoizer says.

    Attributes:
        former: Folders of earlier runs' checkpoints.
        config: Of the run.
        hashers: What plugins say of how to tell arguments apart, by type.
        warn: Takes sentences on what is wrong with checkpoints; None has them logged.
    """

    former: Sequence[str] = ()
    config: Config | None = None
    hashers: Mapping[type, Any] | None = None
    warn: Callable[[str], None] | None = None


def open_session(memoizer: BasicMemoizer, run_dir: str, given: Given) -> MemoSession:
    """The memory of a run, which has read and written nothing yet."""
    from pathlib import Path

    from parsl_like.memo.session import USUAL_PERIOD, MemoOptions, MemoSession

    config = given.config
    environment = None if config is None else config.cache_environment
    mode = memoizer.checkpoint_mode
    if mode is None and config is not None and (config.resume is not None or config.checkpoint_sync):
        mode = "task_exit"
    options = MemoOptions(
        mode=mode,
        period=USUAL_PERIOD if memoizer.checkpoint_period is None else seconds_of(memoizer.checkpoint_period),
        sync=config is not None and config.checkpoint_sync,
        environment=None if environment is None else environment.encode("utf-8", "surrogatepass"),
        for_parsl=config is not None and config.checkpoint_for_parsl,
        files="content" if config is None else config.cache_files,
        hashers=given.hashers,
    )
    former = [Path(each) for each in given.former]
    return MemoSession(options, Path(run_dir, CHECKPOINT_FOLDER), former, warn=given.warn)


def seconds_of(period: str) -> float:
    """Seconds in "hours:minutes:seconds", at least one."""
    hours, minutes, seconds = map(int, period.split(":"))
    return float(max(1, hours * 3600 + minutes * 60 + seconds))


def former_checkpoints(memoizer: Any, run_dir: str, config_run_dir: str) -> list[str]:
    """Folders of earlier runs' checkpoints that a memoizer wants to begin with, the oldest first.

    Raises:
        BadCheckpoint: one that it names is not there.
    """
    if not isinstance(memoizer, BasicMemoizer):
        return []
    wanted = memoizer.checkpoint_files
    if wanted is None:
        if memoizer.checkpoint_mode is None or not memoizer.memoize:
            return []
        from parsl_like.utils import get_all_checkpoints

        own = os.path.join(run_dir, CHECKPOINT_FOLDER)
        return [folder for folder in get_all_checkpoints(config_run_dir) if folder != own]
    return [_folder_of(os.fspath(given)) for given in wanted]


def _folder_of(given: str) -> str:
    """The folder of a checkpoint that is given by itself, by its file or by its run.

    Raises:
        BadCheckpoint: it is not there.
    """
    if os.path.isfile(given):
        return os.path.dirname(os.path.abspath(given))
    inner = os.path.join(given, CHECKPOINT_FOLDER)
    if os.path.isdir(inner):
        return os.path.abspath(inner)
    if not os.path.isdir(given):
        raise BadCheckpoint(
            f"{given!r} was given as a checkpoint of an earlier run, and is not there; "
            "get_all_checkpoints() finds those that are."
        )
    return os.path.abspath(given)


class NoMemo:
    """Remembers nothing: ``cache=True`` is accepted, and every call runs."""

    asks_about_all = False
    remembers_first = False
    wants_notes = False
    when_asked: Callable[[], None] | None = None

    def key(self, task: Mapping[str, Any]) -> str | None:
        """No call has a key."""
        return None

    def lookup(self, key: str) -> tuple[bool, Any]:
        """Nothing is ever found."""
        return False, None

    def attach(self, key: str, task: int) -> int | None:
        """No equal call is ever in flight."""
        return None

    def release(self, key: str, task: int) -> None:
        """Nobody waits for it."""

    def remember(self, key: str, value: Any, acknowledge: Callable[[], None]) -> None:
        """Acknowledged at once: nothing was promised."""
        acknowledge()

    def remember_all(self, keys: list[str], values: list[Any], tasks: list[int], acknowledge: Acknowledge) -> None:
        """Acknowledged at once, as one by one."""
        for key, value, task in zip(keys, values, tasks, strict=True):
            self.remember(key, value, partial(acknowledge, [task]))

    def checkpoint(self, tasks: Sequence[int] | None = None) -> str | None:
        """There is nothing to write."""
        return None

    def catch_up(self, timeout: float) -> None:
        """There is nothing to write."""

    def close(self, patience: float = 0.0) -> None:
        """There is nothing to release."""


# --- what an argument is remembered by


def __getattr__(name: str) -> Any:
    """``id_for_memo``, by which programs say what tells values of their types apart; loaded when it is asked for."""
    if name == "id_for_memo":
        from parsl_like.memo.hashers import id_for_memo  # only for runs that remember something

        return id_for_memo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
