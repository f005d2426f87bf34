"""What a run is to be like. A Config is a value: building, changing and comparing one touches nothing."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from parsl_like.core.description import Description
from parsl_like.errors import ConfigurationError
from parsl_like.executors.arguments import UnknownArgument, spelled
from parsl_like.executors.base import ParslExecutor
from parsl_like.executors.fields import (
    expect,
    expect_callable,
    expect_flag,
    expect_path,
    expect_positive,
    expect_text,
    expect_whole,
    is_number,
    is_path,
    is_whole,
)

if TYPE_CHECKING:
    import os
    from concurrent.futures import Executor

__all__ = ["Config", "UnknownArgument"]

EXIT_MODES = ("cleanup", "skip", "wait")
CHECKPOINT_MODES = ("task_exit", "periodic", "dfk_exit", "manual")
CACHE_FILES = ("content", "time", "name")
MOST_USAGE = 3

_CHECKPOINT_OPTIONS: Mapping[str, Any] = {
    "app_cache": True,
    "checkpoint_files": None,
    "checkpoint_mode": None,
    "checkpoint_period": None,
}
"""Parsl 1.2's names with their defaults; newer programs give a ``memoizer`` that knows all this."""

_PERIOD = re.compile(r"\d+:[0-5]?\d:[0-5]?\d")


@spelled()
@dataclass
class Config(Description):
    """What a run is to be like: where tasks run, what is retried, remembered and recorded.

    It takes the arguments of Parsl's newest version, in its order, those of Parsl 1.2 by name, and a few of its own.
    A run uses a sealed copy, so one Config serves any number of runs, one after another or at once. Without
    ``executors`` there is one ThreadPoolExecutor; it is in the list from the start, so that a program can change it.

    Raises:
        UnknownArgument: an argument is none of these; names the nearest one.
        ConfigurationError: a value cannot be meant; names the field, the value and what was expected.
    """

    executors: Sequence[ParslExecutor | Executor] | None = field(
        default=None, metadata={"help": "Where tasks run; None for a ThreadPoolExecutor. Plain pools are taken too."}
    )
    memoizer: Any = field(
        default=None, metadata={"help": "Remembers results; None for one made from the checkpoint options."}
    )
    dependency_resolver: Any = field(
        default=None, metadata={"help": "Finds futures in arguments; None for the arguments themselves and inputs."}
    )
    exit_mode: Literal["cleanup", "skip", "wait"] = field(
        default="cleanup", metadata={"help": "At the end of a with block: cleanup, wait for all tasks first, or skip."}
    )
    garbage_collect: bool = field(default=True, metadata={"help": "Whether the kernel forgets tasks that have ended."})
    internal_tasks_max_threads: int = field(
        default=10, metadata={"help": "Threads for the bodies of join apps and for retry handlers."}
    )
    retries: float = field(default=0, metadata={"help": "Failures a task may have before it counts as failed."})
    retry_handler: Callable[[Exception, Any], float] | None = field(
        default=None, metadata={"help": "Says what a failure costs: f(exception, task_record) -> number; None for 1."}
    )
    run_dir: str | os.PathLike[str] = field(
        default="runinfo", metadata={"help": "Directory in which each run gets a directory of its own."}
    )
    std_autopath: Callable[[Any, str], Any] | None = field(
        default=None, metadata={"help": "Names files for AUTO_LOGNAME: f(task_record, 'stdout' or 'stderr')."}
    )
    strategy: str | None = field(
        default="simple", metadata={"help": "How blocks come and go: none, simple, htex_auto_scale, or a plugin's."}
    )
    strategy_period: float = field(default=5, metadata={"help": "Seconds between two decisions on blocks."})
    max_idletime: float = field(default=120.0, metadata={"help": "Seconds after which an idle block is given back."})
    monitoring: Any = field(default=None, metadata={"help": "What is recorded, and where; None for the basics."})
    usage_tracking: int = field(
        default=0, metadata={"help": "0 to 3, or False and True; accepted for Parsl's sake, nothing is sent."}
    )
    project_name: str | None = field(default=None, metadata={"help": "A name of the project for the records."})
    initialize_logging: Any = field(
        default=True, metadata={"help": "Whether a run writes a log: True, False, or a LogConfig that says how."}
    )
    _: KW_ONLY
    app_cache: bool = field(default=True, metadata={"help": "Whether apps with cache=True are remembered at all."})
    checkpoint_files: Sequence[str | os.PathLike[str]] | None = field(
        default=None, metadata={"help": "Directories of earlier runs' checkpoints to begin with."}
    )
    checkpoint_mode: str | None = field(
        default=None, metadata={"help": "When results are written: task_exit, periodic, dfk_exit, manual or never."}
    )
    checkpoint_period: str | None = field(
        default=None, metadata={"help": "How often, for the mode periodic: 'hours:minutes:seconds'."}
    )
    checkpoint_sync: bool = field(
        default=False, metadata={"help": "Whether result() waits until the result is on disk; for the mode task_exit."}
    )
    checkpoint_for_parsl: bool = field(
        default=False, metadata={"help": "Whether Parsl, too, is to find the results in checkpoints that are written."}
    )
    cache_files: Literal["content", "time", "name"] = field(
        default="content", metadata={"help": "What files among the arguments of remembered calls are told apart by."}
    )
    cache_environment: str | None = field(
        default=None, metadata={"help": "What else remembered results depend on, as text; part of every key."}
    )
    resume: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Begin with the checkpoints of an earlier run: 'last', its name or directory."}
    )
    lost_retries: int = field(
        default=3, metadata={"help": "How often a task is run again because the place where it ran was lost."}
    )
    max_outstanding_tasks: int | None = field(
        default=None, metadata={"help": "Tasks at once; a program that submits more waits. None for no limit."}
    )
    reattach: float | None = field(
        default=None, metadata={"help": "Seconds for which blocks wait for a restarted program; None to end at once."}
    )

    def __post_init__(self) -> None:
        if self.executors is None:
            from parsl_like.executors.threads import ThreadPoolExecutor  # only where it is wanted

            self.executors = [ThreadPoolExecutor()]
        # A list of its own: what the program does later to the one it passed is no change of this Config.
        self.executors = _executors(self.executors)
        if type(self.checkpoint_files) is list:
            self.checkpoint_files = list(self.checkpoint_files)
        self.check()
        if options := self.checkpoint_options:
            _tell_where_they_have_gone(options)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        self._check_labels()
        self._check_tasks()
        self._check_memory()
        expect(self, "exit_mode", self.exit_mode in EXIT_MODES, f"one of {', '.join(EXIT_MODES)}")
        expect_flag(self, "garbage_collect")
        expect_path(self, "run_dir", optional=False)
        expect_text(self, "strategy", "project_name", optional=True)
        expect_positive(self, "strategy_period")
        expect_positive(self, "reattach", optional=True)
        expect(self, "max_idletime", is_number(self.max_idletime) and self.max_idletime >= 0, "seconds, at least 0")
        tracking = isinstance(self.usage_tracking, bool) or is_whole(self.usage_tracking, 0, MOST_USAGE)
        expect(self, "usage_tracking", tracking, f"0 to {MOST_USAGE}, or True or False")
        named = isinstance(self.monitoring, bool | int | float | str | bytes | list | tuple | dict | set)
        expect(self, "monitoring", not named, "None or a MonitoringHub")
        logged = isinstance(self.initialize_logging, bool) or hasattr(self.initialize_logging, "initialize_logging")
        expect(self, "initialize_logging", logged, "True, False or a LogConfig")

    def _check_labels(self) -> None:
        labels: set[str] = set()
        for executor in _executors(self.executors):
            if executor.label in labels:
                raise ConfigurationError(
                    "Config.executors",
                    [executor.label for executor in _executors(self.executors)],
                    "a label of its own for each executor",
                    hint=f"give one of those called {executor.label!r} another label=.",
                )
            labels.add(executor.label)

    def _check_tasks(self) -> None:
        expect(self, "retries", is_number(self.retries) and self.retries >= 0, "a number of at least 0")
        expect_whole(self, "lost_retries")
        expect_whole(self, "internal_tasks_max_threads", least=1)
        expect_whole(self, "max_outstanding_tasks", least=1, optional=True)
        expect_callable(self, "retry_handler", "std_autopath")
        resolver = self.dependency_resolver
        both = all(callable(getattr(resolver, name, None)) for name in ("traverse_to_gather", "traverse_to_unwrap"))
        expect(self, "dependency_resolver", resolver is None or both, "None or a DependencyResolver")

    def _check_memory(self) -> None:
        good = self.memoizer is None or callable(getattr(self.memoizer, "check_memo", None))
        expect(self, "memoizer", good, "None or a Memoizer, an object with check_memo")
        expect_checkpoint_options(self, "app_cache")
        expect_flag(self, "checkpoint_sync", "checkpoint_for_parsl")
        expect(self, "cache_files", self.cache_files in CACHE_FILES, f"one of {', '.join(CACHE_FILES)}")
        expect_text(self, "cache_environment", optional=True)
        expect(
            self, "resume", self.resume is None or is_path(self.resume), "None, 'last', or a run's name or directory"
        )
        if self.checkpoint_sync and self._mode not in (None, "task_exit"):
            raise ConfigurationError(
                "Config.checkpoint_sync", True, f"the mode task_exit, which this is not: {self._mode}"
            )
        if self.memoizer is not None and self.checkpoint_options:
            raise ConfigurationError(
                f"Config was given both a memoizer and {', '.join(self.checkpoint_options)}.",
                hint="say it in the memoizer.",
            )

    @property
    def _mode(self) -> str | None:
        """When results are written, by whichever of the two says so."""
        said: Any = self if self.memoizer is None else self.memoizer
        mode: str | None = getattr(said, "checkpoint_mode", None)
        return mode

    @property
    def checkpoint_options(self) -> dict[str, Any]:
        """Those of Parsl 1.2's checkpoint and cache options that are not at their defaults."""
        return {
            name: getattr(self, name) for name, usual in _CHECKPOINT_OPTIONS.items() if getattr(self, name) != usual
        }

    def sealed(self) -> Self:
        """A checked copy that refuses assignments, its executors sealed, its choices spelled the newest way."""
        twin = super().sealed()
        object.__setattr__(twin, "executors", tuple(executor.sealed() for executor in _executors(self.executors)))
        object.__setattr__(twin, "strategy", "none" if self.strategy is None else self.strategy)
        object.__setattr__(twin, "usage_tracking", int(self.usage_tracking))
        return twin


def _executors(given: Sequence[ParslExecutor | Executor] | None) -> list[ParslExecutor]:
    """A new list of executors, with plain pools wrapped.

    Raises:
        ConfigurationError: something is not an executor.
    """
    if isinstance(given, ParslExecutor) or not isinstance(given, Sequence):
        raise ConfigurationError("Config.executors", given, "a list of executors")
    if all(isinstance(executor, ParslExecutor) for executor in given):
        return list(given)  # type: ignore[arg-type]  # just seen
    from parsl_like.executors.legacy import as_executor  # plain pools are rare

    return [as_executor(executor) for executor in given]


def expect_checkpoint_options(description: Any, switch: str) -> None:
    """Refuse options of remembering, of a Config or of a memoizer, that cannot be meant.

    Args:
        description: Has ``checkpoint_mode``, ``checkpoint_period``, ``checkpoint_files``, and the switch.
        switch: The name of the field that says whether anything is remembered at all.

    Raises:
        ConfigurationError: naming the field, its value and what was expected.
    """
    expect_flag(description, switch)
    mode = description.checkpoint_mode
    known = f"None or one of {', '.join(CHECKPOINT_MODES)}"
    expect(description, "checkpoint_mode", mode is None or mode in CHECKPOINT_MODES, known)
    period = description.checkpoint_period
    timed = period is None or (isinstance(period, str) and _PERIOD.fullmatch(period) is not None)
    expect(description, "checkpoint_period", timed, "None or 'hours:minutes:seconds'")
    files = description.checkpoint_files
    listed = files is None or (isinstance(files, list | tuple) and all(map(is_path, files)))
    expect(description, "checkpoint_files", listed, "None or a list of directories")


def _tell_where_they_have_gone(options: Mapping[str, Any]) -> None:
    """Warn that options of Parsl 1.2 are a memoizer's now."""
    old = " and ".join(map(repr, options))
    new = ", ".join(f"{'memoize' if name == 'app_cache' else name}={value!r}" for name, value in options.items())
    # 1: here, 2: __post_init__, 3: __init__, 4: its wrapper, 5: whoever builds the Config
    warnings.warn(f"Config: {old} is now memoizer=BasicMemoizer({new}).", DeprecationWarning, stacklevel=5)
