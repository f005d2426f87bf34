"""Apps whose function returns a command line for bash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from parsl_like.app.base import AppBase
from parsl_like.app.calls import Executors, P

if TYPE_CHECKING:
    from parsl_like.dataflow.dflow import DataFlowKernel


class BashApp(AppBase[P, int]):
    """A function that returns a command line; the task runs it, and its result is the exit code 0.

    Args:
        func: Called where the task runs, with the task's arguments; returns the command line.
        data_flow_kernel: The kernel, None for the default one.
        cache: Whether results are to be remembered.
        executors: Labels of executors it may run on, or "all".
        ignore_for_cache: Names of arguments that do not count when results are remembered.
        version: Stands for the function's code when results are remembered; None for the code.
    """

    def __init__(
        self,
        func: Callable[P, str],
        data_flow_kernel: DataFlowKernel | None = None,
        cache: bool = False,
        executors: Executors = "all",
        ignore_for_cache: Sequence[str] | None = None,
        *,
        version: str | None = None,
    ) -> None:
        super().__init__(func, data_flow_kernel, executors, cache, ignore_for_cache, version=version)

    def remote_function(self) -> Callable[..., Any]:
        """The function with what runs its command line."""
        from parsl_like.remote.bash import BashCommand

        self._undeclared = ()  # they are for the command, whatever the function declares
        return BashCommand(self.func, getattr(self.func, "__name__", "bash_app"))
