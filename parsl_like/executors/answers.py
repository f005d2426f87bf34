"""Values that answer as a property and as a call: Parsl 1.2 wrote ``x.outstanding``, newer ones ``x.outstanding()``."""

from __future__ import annotations

from typing import Any


class CallableInt(int):
    """An int that gives itself when called."""

    def __call__(self) -> int:
        """The plain int."""
        return int(self)


class CallableList(list[Any]):
    """A list that gives itself when called."""

    def __call__(self) -> list[Any]:
        """The plain list."""
        return list(self)


class CallableDict(dict[Any, Any]):
    """A dict that gives itself when called."""

    def __call__(self) -> dict[Any, Any]:
        """The plain dict."""
        return dict(self)
