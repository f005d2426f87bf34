"""Items and attributes of a future's value, as futures."""

from __future__ import annotations

from typing import Any

from parsl_like.core.task import AppSpec


def item_of(value: Any, key: Any) -> Any:
    """``value[key]``."""
    return value[key]


def attribute_of(value: Any, name: str) -> Any:
    """``value.name``."""
    return getattr(value, name)


def lifted_spec(how: str, executor: str) -> AppSpec:
    """The app that takes a part of a value: it runs beside the kernel, where the value is."""
    func = item_of if how == "__getitem__" else attribute_of
    return AppSpec(how, func, (executor,))
