"""What a type checker knows of the calls of apps: the arguments are the function's, and futures may stand for values.

Python's types cannot say everything. A call with plain values is checked in full. Futures are recognised by position,
up to the sixth, and not as keywords; pyright also compares the types of their values. A call with one of the keyword
arguments that apps add to a function's own is only known to give the right future.

Sources: PEP 612 (ParamSpec and Concatenate), PEP 692 (Unpack for keyword arguments).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, Protocol, TypedDict, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")

Executors = Sequence[str] | Literal["all"]


class Options(TypedDict, total=False):
    """What ``options`` of an app takes."""

    executors: Executors
    retries: float
    cache: bool | Literal["force", "skip"]
    priority: float
    container: str
    label: str
    version: str
    sandbox: bool | str | os.PathLike[str]


if TYPE_CHECKING:
    import os
    from concurrent.futures import Future
    from typing import Concatenate, Self

    from parsl_like.app.bash import BashApp
    from parsl_like.app.python import PythonApp
    from parsl_like.data_provider.files import File
    from parsl_like.dataflow.futures import AppFuture

    Q = ParamSpec("Q")
    A = TypeVar("A")
    B = TypeVar("B")
    C = TypeVar("C")
    D = TypeVar("D")
    E = TypeVar("E")
    F = TypeVar("F")
    T_co = TypeVar("T_co", covariant=True)
    Stream = str | os.PathLike[str] | tuple[str | os.PathLike[str], str] | int | File | None

    class Coming(Protocol[T_co]):
        """A future in the place of a value; unlike ``Future`` it may be one of a narrower type."""

        def result(self, timeout: float | None = None) -> T_co:
            """The value."""
            ...

        def cancelled(self) -> bool:
            """Whether it will never come."""
            ...

    class Calls(Generic[P, R]):
        """The signature of an app's call, and of an app that is a method."""

        @overload
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AppFuture[R]: ...
        # Futures by position. mypy wants a signature for each way to mix them with values; beyond the third argument,
        # what stands before is not checked.
        @overload
        def __call__(
            self: Calls[Concatenate[A, Q], R],
            a: Coming[A],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[A, B, Q], R],
            a: A,
            b: Coming[B],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[A, B, Q], R],
            a: Coming[A],
            b: Coming[B],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[A, B, C, Q], R],
            a: A,
            b: B,
            c: Coming[C],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[A, B, C, Q], R],
            a: A,
            b: Coming[B],
            c: Coming[C],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[A, B, C, Q], R],
            a: Coming[A],
            b: B,
            c: Coming[C],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[A, B, C, Q], R],
            a: Coming[A],
            b: Coming[B],
            c: Coming[C],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[Any, Any, Any, D, Q], R],
            a: Any,
            b: Any,
            c: Any,
            d: Coming[D],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[Any, Any, Any, Any, E, Q], R],
            a: Any,
            b: Any,
            c: Any,
            d: Any,
            e: Coming[E],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self: Calls[Concatenate[Any, Any, Any, Any, Any, F, Q], R],
            a: Any,
            b: Any,
            c: Any,
            d: Any,
            e: Any,
            f: Coming[F],
            /,
            *args: Q.args,
            **kwargs: Q.kwargs,
        ) -> AppFuture[R]: ...
        # Each of these needs the keyword that it is about, or it would let any call pass.
        @overload
        def __call__(self, *args: Any, inputs: Sequence[Any], **kwargs: Any) -> AppFuture[R]: ...
        @overload
        def __call__(self, *args: Any, outputs: Sequence[Any], **kwargs: Any) -> AppFuture[R]: ...
        @overload
        def __call__(self, *args: Any, stdout: Stream, **kwargs: Any) -> AppFuture[R]: ...
        @overload
        def __call__(self, *args: Any, stderr: Stream, **kwargs: Any) -> AppFuture[R]: ...
        @overload
        def __call__(self, *args: Any, walltime: float | None, **kwargs: Any) -> AppFuture[R]: ...
        @overload
        def __call__(
            self, *args: Any, parsl_resource_specification: Mapping[str, Any] | None, **kwargs: Any
        ) -> AppFuture[R]: ...
        @overload
        def __call__(
            self, *args: Any, parsl_like_resource_specification: Mapping[str, Any] | None, **kwargs: Any
        ) -> AppFuture[R]: ...
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # mypy doubts *Q.args
            """That of AppBase."""
            raise NotImplementedError

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> Self: ...
        @overload
        def __get__(
            self: Calls[Concatenate[Any, Q], R], instance: object, owner: type | None = None
        ) -> Callable[Q, AppFuture[R]]: ...
        def __get__(self: Any, instance: object, owner: type | None = None) -> Any:
            """That of AppBase."""
            raise NotImplementedError

    class JoinDecorator(Protocol):
        """What ``join_app`` with arguments gives: the app's value is that of the futures its body returns."""

        @overload
        def __call__(self, function: Callable[P, Future[R]], /) -> PythonApp[P, R]: ...

        @overload
        def __call__(self, function: Callable[P, Sequence[Future[R]]], /) -> PythonApp[P, list[R]]: ...

    class PythonDecorator(Protocol):
        """What ``python_app`` with arguments gives."""

        def __call__(self, function: Callable[P, R], /) -> PythonApp[P, R]:
            """The app of a function."""
            ...

    class BashDecorator(Protocol):
        """What ``bash_app`` with arguments gives."""

        def __call__(self, function: Callable[P, str], /) -> BashApp[P]:
            """The app of a function."""
            ...

else:

    class Calls(Generic[P, R]):
        """The base of apps; it says nothing when it runs."""
