"""What all apps have in common: options, the call, ``map``."""

from __future__ import annotations

import functools
import inspect
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from parsl_like.app.calls import Calls, Executors, Options, P, R
from parsl_like.core.numeric import finite
from parsl_like.core.task import AppSpec
from parsl_like.dataflow.loader import DataFlowKernelLoader
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import AppFuture

WINDOW = 50_000
"""How many calls ``map`` keeps outstanding."""

FOR_THE_KERNEL = (
    "stdout",
    "stderr",
    "walltime",
    "parsl_resource_specification",
    "parsl_like_resource_specification",
    "_parsl_staging_inhibit",
    "_parsl_like_staging_inhibit",
)
"""Keyword arguments that the kernel reads; a function that does not declare them is not given them."""

SPECIAL = (*FOR_THE_KERNEL, "outputs", "inputs")
"""Keyword arguments with a meaning of their own; a function may give them defaults in its signature."""

_OPTIONS = frozenset({"executors", "retries", "cache", "priority", "container", "label", "version", "sandbox"})
_HINTS = ("container", "label", "version")
CACHES = (True, False, "force", "skip")
"""What ``cache`` may be: remembered, not; run in any case and remembered then; neither asked nor remembered."""


class AppBase(Calls[P, R]):
    """A function whose calls become tasks.

    Args:
        func: The function.
        data_flow_kernel: The kernel its calls go to; None for the default one at the time of each call.
        executors: Labels of executors it may run on, or "all".
        cache: Whether results are to be remembered.
        ignore_for_cache: Names of arguments that do not count when results are remembered.
        version: Stands for the function's code when results are remembered; None for the code.
    """

    join = False

    def __init__(
        self,
        func: Callable[P, Any],
        data_flow_kernel: DataFlowKernel | None = None,
        executors: Executors = "all",
        cache: bool = False,
        ignore_for_cache: Sequence[str] | None = None,
        *,
        version: str | None = None,
    ) -> None:
        if not callable(func):
            raise ConfigurationError("function", func, "a function to be decorated")
        functools.update_wrapper(self, func, updated=())
        self.func = func
        self.data_flow_kernel = data_flow_kernel
        self.executors = executors
        self.cache = cache
        self.ignore_for_cache = list(ignore_for_cache or ())
        self._options: dict[str, Any] = {} if version is None else {"version": _text(version)}
        self._read_signature()
        self._spec = self._make_spec()

    # --- what is run ---------------------------------------------------------------------------------------------

    def remote_function(self) -> Callable[..., Any]:
        """What runs in the place of the function."""
        return self.func

    def _make_spec(self) -> AppSpec:
        name = getattr(self.func, "__name__", type(self.func).__name__)
        executors = self._options.get("executors", self.executors)
        hints = tuple((key, self._options[key]) for key in _HINTS if key in self._options)
        cache = self._options.get("cache", self.cache)
        return AppSpec(
            name,
            self._sandboxed(self.remote_function()),
            executors if isinstance(executors, str) else tuple(executors),
            False if cache == "skip" else cache,
            tuple(self.ignore_for_cache),
            self.join,
            self._options.get("retries"),
            self._options.get("priority", 0),
            self._undeclared,
            hints,
        )

    def _sandboxed(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a directory of its own for each call, if the options say so."""
        wanted = self._options.get("sandbox")
        if wanted is None or wanted is False:
            return func
        from parsl_like.remote.sandbox import Sandboxed

        return Sandboxed(func, None if wanted is True else os.fspath(wanted), needs_process=func is self.func)

    def _check_sandbox(self, wanted: object) -> None:
        """Refuse what can be no place for the directories of tasks.

        Raises:
            ConfigurationError: saying what it may be.
        """
        if self.join:
            raise ConfigurationError("sandbox", wanted, "no sandbox for a join app, which has no place of its own")
        if not isinstance(wanted, bool | str | os.PathLike):
            raise ConfigurationError("sandbox", wanted, "True, False, or the directory for sandboxes")

    def _read_signature(self) -> None:
        """Defaults that the function itself gives to special keyword arguments."""
        self._defaults: dict[str, Any] = {}
        self._undeclared: tuple[str, ...] = ()
        try:
            parameters = inspect.signature(self.func).parameters
        except (TypeError, ValueError):  # a builtin without a signature takes what it takes
            return
        for name in SPECIAL:
            if name in parameters and parameters[name].default is not inspect.Parameter.empty:
                self._defaults[name] = parameters[name].default
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            self._undeclared = tuple(name for name in FOR_THE_KERNEL if name not in parameters)

    # --- calls ---------------------------------------------------------------------------------------------------

    if not TYPE_CHECKING:  # a type checker takes the signatures of Calls

        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> AppFuture[R]:
            """Make a task of a call; returns at once, with the future of its result.

            Raises:
                NoDataFlowKernelError: if no configuration is loaded.
            """
            kernel = self.data_flow_kernel
            if kernel is None:
                kernel = DataFlowKernelLoader.dfk()
            if not kwargs and not self._defaults:
                return kernel.submit_call(self._spec, args, {})
            return self._call_with_keywords(kernel, args, kwargs)

    def _call_with_keywords(self, kernel: DataFlowKernel, args: Any, kwargs: dict[str, Any]) -> AppFuture[R]:
        return kernel.submit_call(self._spec, args, {**self._defaults, **kwargs})

    def options(self, **options: Unpack[Options]) -> Self:
        """The same app with other options for the calls made through it: ``app.options(retries=3)(x)``.

        Args:
            **options: ``executors``, ``retries``, ``cache`` (True, False, "force" or "skip"), ``priority`` (lower runs
                first), ``container``, ``label``, ``version`` (stands for the function's code when results are
                remembered), ``sandbox`` (True for a new directory for each task, or where to make such directories).

        Raises:
            ConfigurationError: an option that does not exist, or a priority that is no number.
        """
        unknown = sorted(set(options) - _OPTIONS)
        if unknown:
            raise ConfigurationError("options", unknown, f"some of {sorted(_OPTIONS)}")
        if "cache" in options and options["cache"] not in CACHES:
            raise ConfigurationError("cache", options["cache"], f"one of {', '.join(map(repr, CACHES))}")
        if "version" in options:
            _text(options["version"])
        if "sandbox" in options:
            self._check_sandbox(options["sandbox"])
        if "priority" in options:
            options["priority"] = finite("priority", options["priority"])
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._options = {**self._options, **options}
        twin._spec = twin._make_spec()
        return twin

    def map(self, *iterables: Iterable[Any], window: int = WINDOW, timeout: float | None = None) -> Iterator[R]:
        """Results of one call per item, in the order of the items, in constant memory.

        The iterables, which may be endless generators, are read only ``window`` items ahead of the result that is
        taken next.

        Args:
            *iterables: As for the built-in ``map``; the shortest one ends it.
            window: Calls outstanding at most.
            timeout: Seconds to wait for each result, None for as long as it takes.

        Raises:
            Exception: what a call raised, when its result is taken; calls not yet ended are then cancelled.
        """
        if window < 1:
            raise ConfigurationError("window", window, "at least 1")
        return self._mapped(zip(*iterables, strict=False), window, timeout)

    def _mapped(self, items: Iterator[tuple[Any, ...]], window: int, timeout: float | None) -> Iterator[R]:
        ahead: deque[AppFuture[R]] = deque()
        call: Callable[..., AppFuture[R]] = self.__call__
        try:
            for item in items:
                ahead.append(call(*item))
                if len(ahead) >= window:
                    yield ahead.popleft().result(timeout)
            while ahead:
                yield ahead.popleft().result(timeout)
        finally:
            while ahead:
                ahead.pop().cancel()

    # --- being a function ----------------------------------------------------------------------------------------

    if not TYPE_CHECKING:  # as for __call__

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            """The app bound to an object, for apps that are methods."""
            if instance is None:
                return self
            return functools.partial(self.__call__, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        # An app that a task refers to travels as its function and options, never with a kernel.
        return _rebuilt, (type(self), self.func, self.executors, self.cache, self.ignore_for_cache, self._options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._spec.name}>"


def _text(version: object) -> str:
    """The version of an app.

    Raises:
        ConfigurationError: it is no text.
    """
    if not isinstance(version, str):
        raise ConfigurationError("version", version, "a text")
    return version


def _rebuilt(
    cls: type[AppBase[Any, Any]], func: Any, executors: Any, cache: Any, ignore: list[str], options: dict[str, Any]
) -> AppBase[Any, Any]:
    app = cls(func, None, executors=executors, cache=cache, ignore_for_cache=ignore)
    return app.options(**options) if options else app
