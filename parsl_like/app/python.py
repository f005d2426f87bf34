"""Apps that are plain Python functions, run elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from parsl_like.app.base import AppBase, Executors, P, R

if TYPE_CHECKING:
    from parsl_like.core.task import AppSpec
    from parsl_like.dataflow.dflow import DataFlowKernel
    from parsl_like.dataflow.futures import AppFuture


LIMITS_KEPT = 256
"""Time limits whose wrapped function is remembered, so that a program with one per call does not grow for ever."""


class PythonApp(AppBase[P, R]):
    """A Python function as an app.

    Args:
        func: The function; it may refer to modules, closures and other functions, which travel with it.
        data_flow_kernel: The kernel, None for the default one.
        executors: Labels of executors it may run on, or "all".
        cache: Whether results are to be remembered.
        ignore_for_cache: Names of arguments that do not count when results are remembered.
        join: Whether the function returns futures that are to be waited for (Parsl 1.2's spelling of a join app).
    """

    def __init__(
        self,
        func: Callable[P, Any],
        data_flow_kernel: DataFlowKernel | None = None,
        cache: bool = False,
        executors: Executors = "all",
        ignore_for_cache: Sequence[str] | None = None,
        join: bool = False,
    ) -> None:
        self.join = join
        self._timed: dict[float, AppSpec] = {}
        super().__init__(func, data_flow_kernel, executors, cache, ignore_for_cache)

    def _call_with_keywords(self, kernel: DataFlowKernel, args: Any, kwargs: dict[str, Any]) -> AppFuture[R]:
        kwargs = {**self._defaults, **kwargs}
        walltime = kwargs.get("walltime")
        spec = self._spec if walltime is None or self.join else self._limited(float(walltime))
        return kernel.submit_call(spec, args, kwargs)

    def _limited(self, walltime: float) -> AppSpec:
        """The app with a time limit inside the place where it runs; made once per limit."""
        spec = self._timed.get(walltime)
        if spec is None:
            if len(self._timed) >= LIMITS_KEPT:
                self._timed.clear()
            from dataclasses import replace

            from parsl_like.remote.timeout import Walltimed

            spec = self._timed[walltime] = replace(self._spec, func=Walltimed(self.func, walltime))
        return spec

    def options(self, **options: Any) -> PythonApp[P, R]:
        """The same app with other options for the calls made through it."""
        twin = super().options(**options)
        twin._timed = {}
        return twin
