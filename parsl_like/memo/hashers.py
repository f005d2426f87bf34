"""Every rule for the canonical forms of values, those of plugins among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from parsl_like.memo import arrays, builtin_values, file_values, functions, library_values
from parsl_like.memo.canonical import OURS, form_of, id_for_memo

__all__ = ["id_for_memo", "form_of", "register_plugins"]

KINDS = (arrays, builtin_values, file_values, functions, library_values)
"""The modules that have rules: importing them enters these."""


def register_plugins(hashers: Mapping[type, Callable[[Any, bool], bytes]]) -> None:
    """Take over what plugins say (the hook ``parsl_like_memo_hashers``); the program's own registrations stay.

    Args:
        hashers: Types and functions ``hasher(value, output_ref) -> bytes``.
    """
    for kind, hasher in hashers.items():
        own = id_for_memo.registry.get(kind)
        if own is None or own in OURS or getattr(own, "of_plugin", False):
            id_for_memo.register(kind, _Hasher(hasher))


class _Hasher:
    """A plugin's hasher as the program's functions are called.

    Args:
        hasher: ``hasher(value, output_ref) -> bytes``.
    """

    of_plugin = True

    def __init__(self, hasher: Callable[[Any, bool], bytes]) -> None:
        self._hasher = hasher
        self.__qualname__ = getattr(hasher, "__qualname__", repr(hasher))

    def __call__(self, value: Any, output_ref: bool = False) -> bytes:
        return self._hasher(value, output_ref)
