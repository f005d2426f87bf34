"""What a relay says is read; everything else is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.channels.tunnel.relay_words import MOST_ADDRESSES, MOST_CHARACTERS, Beat, Listening, understood

FIRST = {"relay": 1, "host": "login1", "addresses": ["10.0.0.5", "192.168.7.1"], "listening": {"54001": 40001}}
BEAT = {"open": 3, "taken": 7, "failed": ""}


def line(facts: object) -> str:
    return json.dumps(facts)


def test_where_it_listens() -> None:
    said = understood(line(FIRST))
    assert said == Listening("login1", ("10.0.0.5", "192.168.7.1"), {54001: 40001})
    assert said.routes() == {54001: ("10.0.0.5:40001", "192.168.7.1:40001")}


def test_how_it_does() -> None:
    assert understood(line(BEAT)) == Beat(3, 7, "")
    assert understood(line({**BEAT, "failed": "Connection refused", "new": 1})) == Beat(3, 7, "Connection refused")


@pytest.mark.parametrize(
    "wrong",
    [
        "Welcome to the cluster",
        "",
        "[]",
        "3",
        "[" * 100_000,
        line({**FIRST, "relay": 2}),
        line({**FIRST, "addresses": []}),
        line({**FIRST, "addresses": ["example.org; rm -rf x"]}),
        line({**FIRST, "addresses": "10.0.0.5"}),
        line({**FIRST, "addresses": {"10.0.0.5": 1}}),
        line({**FIRST, "listening": {"54001": 0}}),
        line({**FIRST, "listening": {"54001": 65536}}),
        line({**FIRST, "listening": {"x": 1}}),
        line({**FIRST, "listening": {"54001": True}}),
        line({**FIRST, "listening": None}),
        line({**FIRST, "host": 3}),
        line({"relay": 1}),
        line({**BEAT, "open": -1}),
        line({**BEAT, "failed": None}),
        line({"open": 1}),
    ],
)
def test_nothing_else_is_understood(wrong: str) -> None:
    assert understood(wrong) is None


def test_what_is_kept_of_it_is_bounded_and_printable() -> None:
    said = understood(line({**FIRST, "addresses": ["10.0.0.5"] * 1000, "host": "x\x1b[2J\n" * 1000}))
    assert isinstance(said, Listening)
    assert len(said.addresses) == MOST_ADDRESSES
    assert len(said.host) == MOST_CHARACTERS
    assert said.host.isprintable()


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.one_of(st.text(), ANY_JSON.map(json.dumps)))
def test_no_line_raises(text: str) -> None:
    understood(text)


@given(st.fixed_dictionaries(dict.fromkeys(("relay", "host", "addresses", "listening", "open", "taken"), ANY_JSON)))
def test_no_facts_raise(facts: dict[str, object]) -> None:
    understood(json.dumps(facts))
