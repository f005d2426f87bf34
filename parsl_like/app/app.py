"""The decorators ``python_app``, ``bash_app`` and ``join_app``; each works with and without arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from parsl_like.app.base import AppBase
from parsl_like.app.bash import BashApp
from parsl_like.app.python import PythonApp

if TYPE_CHECKING:
    from concurrent.futures import Future

    from parsl_like.app.calls import BashDecorator, Executors, JoinDecorator, P, PythonDecorator, R
    from parsl_like.dataflow.dflow import DataFlowKernel

__all__ = ["AppBase", "bash_app", "join_app", "python_app"]


@overload
def python_app(
    function: Callable[P, R],
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    executors: Executors = "all",
    ignore_for_cache: Sequence[str] | None = None,
    join: Literal[False] = False,
    *,
    version: str | None = None,
) -> PythonApp[P, R]: ...
@overload
def python_app(
    function: None = None,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    executors: Executors = "all",
    ignore_for_cache: Sequence[str] | None = None,
    join: Literal[False] = False,
    *,
    version: str | None = None,
) -> PythonDecorator: ...
@overload
def python_app(
    function: None = None,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    executors: Executors = "all",
    ignore_for_cache: Sequence[str] | None = None,
    *,
    join: Literal[True],
    version: str | None = None,
) -> JoinDecorator: ...
def python_app(
    function: Callable[..., Any] | None = None,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    executors: Executors = "all",
    ignore_for_cache: Sequence[str] | None = None,
    join: bool = False,
    *,
    version: str | None = None,
) -> Any:
    """Turn a Python function into an app: calling it returns an AppFuture, and the function runs elsewhere.

    Args:
        function: The function, when used without parentheses.
        data_flow_kernel: The kernel its calls go to; None for the default one at the time of each call.
        cache: Whether results are to be remembered.
        executors: Labels of executors it may run on, or "all".
        ignore_for_cache: Names of arguments that do not count when results are remembered.
        join: Parsl 1.2's way to say ``join_app``.
        version: Stands for the function's code when results are remembered.
    """

    def decorate(func: Callable[..., Any]) -> PythonApp[..., Any]:
        return PythonApp(func, data_flow_kernel, cache, executors, ignore_for_cache, join, version=version)

    return decorate if function is None else decorate(function)


@overload
def join_app(
    function: Callable[P, Future[R]],
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    *,
    version: str | None = None,
) -> PythonApp[P, R]: ...
@overload
def join_app(
    function: Callable[P, Sequence[Future[R]]],
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    *,
    version: str | None = None,
) -> PythonApp[P, list[R]]: ...
@overload
def join_app(
    function: None = None,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    *,
    version: str | None = None,
) -> JoinDecorator: ...
def join_app(
    function: Callable[..., Any] | None = None,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    *,
    version: str | None = None,
) -> Any:
    """Turn a function that calls apps into an app whose result is that of the future, or futures, it returns.

    The body runs on a thread beside the kernel and holds no worker while the inner tasks run.

    Args:
        function: The function, when used without parentheses.
        data_flow_kernel: The kernel its calls go to; None for the default one at the time of each call.
        cache: Whether results are to be remembered.
        ignore_for_cache: Names of arguments that do not count when results are remembered.
        version: Stands for the function's code when results are remembered.
    """

    def decorate(func: Callable[..., Any]) -> PythonApp[..., Any]:
        return PythonApp(func, data_flow_kernel, cache, "all", ignore_for_cache, True, version=version)

    return decorate if function is None else decorate(function)


@overload
def bash_app(
    function: Callable[P, str],
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    executors: Executors = "all",
    ignore_for_cache: Sequence[str] | None = None,
    *,
    version: str | None = None,
) -> BashApp[P]: ...
@overload
def bash_app(
    function: None = None,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    executors: Executors = "all",
    ignore_for_cache: Sequence[str] | None = None,
    *,
    version: str | None = None,
) -> BashDecorator: ...
def bash_app(
    function: Callable[..., str] | None = None,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    executors: Executors = "all",
    ignore_for_cache: Sequence[str] | None = None,
    *,
    version: str | None = None,
) -> Any:
    """Turn a function that returns a command line into an app that runs it with bash.

    The task's result is 0; another exit code makes it fail with BashExitFailure. ``stdout`` and ``stderr`` name files
    for the command's output, ``walltime`` limits it in seconds, ``outputs`` are files it must have made.

    Args:
        function: The function, when used without parentheses.
        data_flow_kernel: The kernel its calls go to; None for the default one at the time of each call.
        cache: Whether results are to be remembered.
        executors: Labels of executors it may run on, or "all".
        ignore_for_cache: Names of arguments that do not count when results are remembered.
        version: Stands for the function's code when results are remembered.
    """

    def decorate(func: Callable[..., str]) -> BashApp[...]:
        return BashApp(func, data_flow_kernel, cache, executors, ignore_for_cache, version=version)

    return decorate if function is None else decorate(function)
