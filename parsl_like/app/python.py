"""Apps that are plain Python functions, run elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from parsl_like.app.base import AppBase
from parsl_like.app.calls import Executors, Options, P, R

if TYPE_CHECKING:
    from parsl_like.core.task import AppSpec
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import AppFuture


LIMITS_KEPT = 256
"""Time limits whose wrapped function is remembered, so that a program with one per call does not grow for ever."""

STREAMS = ("stdout", "stderr")


class PythonApp(AppBase[P, R]):
    """A Python function as an app.

    Args:
        func: The function; it may refer to modules, closures and other functions, which travel with it.
        data_flow_kernel: The kernel, None for the default one.
        executors: Labels of executors it may run on, or "all".
        cache: Whether results are to be remembered.
        ignore_for_cache: Names of arguments that do not count when results are remembered.
        join: Whether the function returns futures that are to be waited for (Parsl 1.2's spelling of a join app).
        version: Stands for the function's code when results are remembered; None for the code.
    """

    def __init__(
        self,
        func: Callable[P, Any],
        data_flow_kernel: DataFlowKernel | None = None,
        cache: bool = False,
        executors: Executors = "all",
        ignore_for_cache: Sequence[str] | None = None,
        join: bool = False,
        *,
        version: str | None = None,
    ) -> None:
        self.join = join
        self._wrapped: dict[tuple[float | None, bool], AppSpec] = {}
        super().__init__(func, data_flow_kernel, executors, cache, ignore_for_cache, version=version)

    def _call_with_keywords(self, kernel: DataFlowKernel, args: Any, kwargs: dict[str, Any]) -> AppFuture[R]:
        kwargs = {**self._defaults, **kwargs}
        return kernel.submit_call(self._spec_of(kwargs), args, kwargs)

    def _spec_of(self, kwargs: Mapping[str, Any]) -> AppSpec:
        """The app as a call wants it: as it is, with a limit on its time, or with its output caught."""
        walltime = None if self.join else kwargs.get("walltime")
        caught = kwargs.get("stdout") is not None or kwargs.get("stderr") is not None
        if walltime is None and not caught:
            return self._spec
        key = None if walltime is None else float(walltime), caught
        spec = self._wrapped.get(key)
        if spec is None:
            if len(self._wrapped) >= LIMITS_KEPT:
                self._wrapped.clear()
            spec = self._wrapped[key] = self._wrap(*key)
        return spec

    def _wrap(self, walltime: float | None, caught: bool) -> AppSpec:
        """The app with wrappers inside the place where it runs; made once for each combination."""
        from dataclasses import replace

        func: Callable[..., Any] = self.func
        undeclared = self._undeclared
        if walltime is not None:
            from parsl_like.remote.timeout import Walltimed

            func = Walltimed(func, walltime)
        if caught:
            from parsl_like.remote.capture import Captured

            func = Captured(func, tuple(name for name in STREAMS if name in undeclared))
            undeclared = tuple(name for name in undeclared if name not in STREAMS)
        return replace(self._spec, func=func, undeclared=undeclared)

    def options(self, **options: Unpack[Options]) -> Self:
        """The same app with other options for the calls made through it."""
        twin = super().options(**options)
        twin._wrapped = {}
        return twin
