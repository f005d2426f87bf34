from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.monitoring.plain import DEEPEST, LONGEST_TEXT, plain, said


class NoRepr:
    def __repr__(self) -> str:
        raise SystemExit


class NoItems(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise OSError("gone")

    def __len__(self) -> int:
        return 1


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_what_json_can_say_stays_as_it_is(value: Any) -> None:
    assert plain(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, "a"), [1, "a"]),
        ({3}, [3]),
        ({1: {None: b"x"}}, {"1": {"None": "b'x'"}}),
        (2**64, str(2**64)),
        ("\udcff", "\\udcff"),
        (NoRepr(), "<NoRepr without a repr: SystemExit>"),
        ({NoRepr(): 1}, {"<NoRepr without a repr: SystemExit>": 1}),
    ],
)
def test_everything_else_is_said_plainly(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_a_mapping_that_cannot_be_gone_through_is_told_as_a_whole() -> None:
    assert "NoItems object" in str(plain(NoItems()))


def test_what_contains_itself_ends() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert json.dumps(plain(endless)).count("again") == DEEPEST + 1


def test_text_is_cut() -> None:
    assert len(said(b"x" * 5000)) == LONGEST_TEXT
