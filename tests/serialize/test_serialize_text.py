"""Text about foreign objects never raises and is never long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parsl_like.serialize.text import bounded, describe, message_of, name_of_type


class Odd(str):
    __slots__ = ()

    def __getitem__(self, key: object) -> str:
        raise ValueError

    def __len__(self) -> int:
        return 0


@given(st.text(), st.integers(2, 100))
def test_bounded_text_keeps_both_ends(text: str, limit: int) -> None:
    short = bounded(text, limit)
    if len(text) <= limit:
        assert short == text
    else:
        half = limit // 2
        assert short.startswith(text[:half])
        assert short.endswith(text[-half:])
        assert len(short) < limit + 60


def test_a_strange_kind_of_string_becomes_a_plain_one() -> None:
    assert type(bounded(Odd("abc"), 10)) is str
    assert bounded(Odd("abcdef"), 4) == "ab\n... 2 characters left out ...\nef"


def test_exceptions_in_a_phrase() -> None:
    assert describe(ValueError("x")) == "ValueError: x"
    assert describe(ValueError()) == "ValueError"
    assert len(describe(ValueError("x" * 10_000))) < 600
    assert "left out" in message_of(ValueError("x" * 100), 10)


def test_names_of_types() -> None:
    assert name_of_type(ValueError) == "ValueError"
    assert name_of_type(Odd) == f"{__name__}.Odd"
