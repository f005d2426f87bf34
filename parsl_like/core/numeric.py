"""Numbers that users give."""

from __future__ import annotations

import math
from typing import Any

from parsl_like.errors import ConfigurationError


def finite(name: str, value: Any) -> float:
    """A number that means something to whoever compares it.

    Raises:
        ConfigurationError: it is none, or infinite.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigurationError(name, value, "a finite number")
    return number
