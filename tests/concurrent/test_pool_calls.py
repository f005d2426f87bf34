"""What is sent once, and what is sent anew with each call."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from parsl_like.concurrent.calls import Calling, Chunk, travels_with_each_call


class Thing:
    def method(self) -> None: ...

    @classmethod
    def of_class(cls) -> None: ...

    @staticmethod
    def static() -> None: ...

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("fn", "anew"),
    [
        (len, False),
        (lambda: 1, False),
        (Thing, False),
        (int, False),
        (Thing.static, False),
        (dict.fromkeys, False),
        (Thing().method, True),
        (Thing(), True),
        (partial(len, []), True),
        ([1].append, True),
        ("a".join, True),
        ((1).__add__, True),
    ],
)
def test_what_has_a_state_is_sent_with_each_call(fn: Any, anew: bool) -> None:
    assert travels_with_each_call(fn, {}) is anew
    assert travels_with_each_call(fn, {"key": 1}) is anew


def test_what_is_given_keywords_of_apps_is_an_app_itself() -> None:
    assert not travels_with_each_call(Thing(), {"stdout": "file"})


def test_a_call_takes_any_name_as_a_keyword() -> None:
    calling = Calling("thing")
    assert calling.__name__ == "thing"
    assert calling(dict, fn=1, self=2) == {"fn": 1, "self": 2}


def test_a_chunk_calls_once_for_each_item() -> None:
    chunk = Chunk(pow, 2)
    assert chunk.__name__ == "pow"
    assert chunk(2, 3, 4, 2) == [8, 16]
    assert chunk() == []
