"""The mark by which implementations of hooks are found.

It leaves on a function what ``pluggy.HookimplMarker("parsl_like")`` leaves, but loads nothing: modules that carry marks
are imported long before a run, or a command, asks a plugin anything. Both markers may be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT: Final = "parsl_like"
"""The project of the hooks, and the entry-point group in which distributions declare their plugins."""

F = TypeVar("F", bound="Callable[..., Any]")


@overload
def hookimpl(function: F) -> F: ...
@overload
def hookimpl(
    *,
    wrapper: bool = False,
    optionalhook: bool = False,
    tryfirst: bool = False,
    trylast: bool = False,
    specname: str | None = None,
) -> Callable[[F], F]: ...
def hookimpl(function: F | None = None, **options: Any) -> F | Callable[[F], F]:
    """Mark a function as the implementation of the hook it is named after.

    Args:
        function: The implementation; it may take fewer arguments than its hook offers, under the same names.
        **options: As for pluggy's ``HookimplMarker``: ``wrapper`` (a generator around the other implementations),
            ``optionalhook`` (no error if there is no such hook), ``tryfirst`` and ``trylast`` (the order in which
            plugins are asked), ``specname`` (the hook, where the function is called otherwise).
    """

    def mark(marked: F) -> F:
        setattr(marked, f"{PROJECT}_impl", options)
        return marked

    return mark if function is None else mark(function)
