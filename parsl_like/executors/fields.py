"""What may stand in a description's field, at the path where executors and Config look for it."""

from __future__ import annotations

from parsl_like.core.fields import (
    expect,
    expect_callable,
    expect_flag,
    expect_path,
    expect_port,
    expect_port_range,
    expect_positive,
    expect_text,
    expect_whole,
    is_number,
    is_path,
    is_whole,
)
from parsl_like.core.fields import own_containers as own_lists

__all__ = [
    "expect",
    "expect_callable",
    "expect_flag",
    "expect_path",
    "expect_port",
    "expect_port_range",
    "expect_positive",
    "expect_text",
    "expect_whole",
    "is_number",
    "is_path",
    "is_whole",
    "own_lists",
]
