"""Memoizers by Parsl's names, and the seam of memoization: key, lookup, attach, acknowledged remember.

This version remembers nothing by itself: a :class:`BasicMemoizer` says what is wanted. A memoizer of the program's own,
with :class:`Memoizer`'s methods, is asked about every task (``recalling.py``).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from parsl_like.config import Config, expect_checkpoint_options

if TYPE_CHECKING:
    import os
    from concurrent.futures import Future

    from parsl_like.core.ports import Memo


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
    """What is to be remembered, and when it is written; accepted by this version, which does neither yet.

    Args:
        checkpoint_files: Directories of earlier runs' checkpoints to begin with; None for those of the same folder.
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

    def check_memo(self, task: Any) -> Future[Any] | None:
        """Nothing is remembered yet."""
        return None

    def checkpoint(self) -> None:
        """There is nothing to write yet."""

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]  # it can be changed


def memoizer_of(config: Config) -> Any:
    """The memoizer that a configuration asks for, by a memoizer or by the options of Parsl 1.2."""
    if config.memoizer is not None:
        return config.memoizer
    return BasicMemoizer(
        checkpoint_files=config.checkpoint_files,
        checkpoint_period=config.checkpoint_period,
        checkpoint_mode=config.checkpoint_mode,
        memoize=config.app_cache,
    )


def memo_of(memoizer: Any, *, run_dir: str, config_run_dir: str) -> Memo:
    """What the kernel asks: the program's own memoizer, which is started, or nothing."""
    if type(memoizer) is BasicMemoizer:
        return NoMemo()
    from parsl_like.dataflow.recalling import ProgramMemo  # few programs bring one

    memo = ProgramMemo(memoizer)
    memo.start(run_dir, config_run_dir)
    return memo


class NoMemo:
    """Remembers nothing: ``cache=True`` is accepted, and every call runs."""

    asks_about_all = False

    def key(self, task: Mapping[str, Any]) -> str | None:
        """No call has a key."""
        return None

    def lookup(self, key: str) -> tuple[bool, Any]:
        """Nothing is ever found."""
        return False, None

    def attach(self, key: str, task: int) -> int | None:
        """No equal call is ever in flight."""
        return None

    def remember(self, key: str, value: Any, acknowledge: Callable[[], None]) -> None:
        """Acknowledged at once: nothing was promised."""
        acknowledge()

    def checkpoint(self) -> None:
        """There is nothing to write."""

    def close(self) -> None:
        """There is nothing to release."""


# --- what an argument is remembered by


@singledispatch
def id_for_memo(obj: object, output_ref: bool = False) -> bytes:
    """Bytes by which an argument is told from others; equal for equal values, in every process.

    Programs register their own types: ``@id_for_memo.register(MyType)``.

    Args:
        obj: The argument.
        output_ref: Whether it stands for something the task makes, not for something it reads.

    Raises:
        ValueError: nobody has said what tells values of its type apart.
    """
    raise ValueError(
        f"unknown type for memoization: {type(obj).__name__}. Register it with id_for_memo, or name the argument in "
        "ignore_for_cache."
    )


@id_for_memo.register(str)
@id_for_memo.register(int)
@id_for_memo.register(float)
@id_for_memo.register(complex)
@id_for_memo.register(bytes)
@id_for_memo.register(type(None))
def _(obj: object, output_ref: bool = False) -> bytes:
    return _framed(type(obj).__name__.encode(), repr(obj).encode("utf-8", "surrogatepass"))


@id_for_memo.register(list)
@id_for_memo.register(tuple)
def _(obj: Sequence[Any], output_ref: bool = False) -> bytes:
    return _framed(type(obj).__name__.encode(), *(id_for_memo(part, output_ref=output_ref) for part in obj))


@id_for_memo.register(dict)
def _(obj: dict[Any, Any], output_ref: bool = False) -> bytes:
    pairs = sorted((id_for_memo(key), id_for_memo(value, output_ref=output_ref)) for key, value in obj.items())
    return _framed(b"dict", *(part for pair in pairs for part in pair))


@id_for_memo.register(types.FunctionType)
def _(obj: types.FunctionType, output_ref: bool = False) -> bytes:
    import inspect

    try:
        body = inspect.getsource(obj).encode()
    except (OSError, TypeError):  # typed into an interpreter, or made by one
        constants = [each for each in obj.__code__.co_consts if not isinstance(each, types.CodeType)]
        body = obj.__code__.co_code + repr(constants).encode("utf-8", "surrogatepass")
    return _framed(b"function", obj.__name__.encode(), body)


def _framed(*parts: bytes) -> bytes:
    """Parts that cannot run into each other."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
