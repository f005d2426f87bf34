from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from parsl_like.errors import ConfigurationError
from parsl_like.executors import fields


@dataclass
class Thing:
    value: Any = None
    others: Any = field(default_factory=list)


CHECKS: list[tuple[Callable[..., None], dict[str, Any], list[Any], list[Any]]] = [
    (fields.expect_whole, {}, [0, 5], [-1, 1.0, True, None, "1"]),
    (fields.expect_whole, {"least": 1, "optional": True}, [1, None], [0, False]),
    (fields.expect_positive, {}, [1, 0.5], [0, -1, math.inf, math.nan, True, None, "1"]),
    (fields.expect_positive, {"optional": True}, [1, None], [0]),
    (fields.expect_flag, {}, [True, False], [0, 1, None, "yes"]),
    (fields.expect_text, {}, ["", "a"], [None, b"a", 1]),
    (fields.expect_text, {"optional": True}, ["a", None], [1]),
    (fields.expect_path, {}, [None, "a", Path("a")], ["", 1, []]),
    (fields.expect_path, {"optional": False}, ["a"], [None]),
    (fields.expect_port, {}, [None, 1, 65535], [0, 65536, "80", True]),
    (fields.expect_port_range, {}, [(1, 1), [54000, 55000]], [(2, 1), (1,), (0, 5), (1, 65536), None, "ab", (1, True)]),
    (fields.expect_callable, {}, [None, len], [1, "f"]),
]


@pytest.mark.parametrize(("check", "options", "good", "bad"), CHECKS)
def test_what_is_right_passes_and_what_is_wrong_is_named(
    check: Callable[..., None], options: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    for value in good:
        check(Thing(value), "value", **options)
    for value in bad:
        with pytest.raises(ConfigurationError, match=r"Thing\.value is .*; expected ") as caught:
            check(Thing(value), "value", **options)
        assert caught.value.field == "Thing.value"
        assert caught.value.value is value


def test_lists_become_the_things_own() -> None:
    given = [1, 2]
    thing = Thing(given, (3,))
    fields.own_lists(thing)
    given.append(3)
    assert thing == Thing([1, 2], (3,))
