"""The examples are counted in the document itself, by signs that whoever wrote the programs has not chosen.

What was found in the text when it was read lies beside this file. Whoever has the text names it in the environment,
and the signs, the places and the first words are compared with it again.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from tests.documents.parsl_1_2 import marks
from tests.documents.running import Example, examples

VARIABLE = "PARSL_LIKE_FULL_DOCUMENT_1_2"
MARKUP = ("codeblock", "literalinclud", "autosummari")


@pytest.fixture(scope="module")
def listed() -> list[Example]:
    return sorted(examples("1.2"), key=lambda example: example.bytes.start)


@pytest.fixture(scope="module")
def document() -> bytes:
    if VARIABLE not in os.environ:
        pytest.skip(f"{VARIABLE} does not say where the text is")
    return Path(os.environ[VARIABLE]).read_bytes()


def begins(text: bytes, anchor: str) -> bool:
    """Whether a text begins with these words, one of which is left open where the anchor has a star."""
    words = anchor.split()
    return all(word in ("*", there) for word, there in zip(words, text.decode().split()[: len(words)], strict=True))


def strays(found: list[tuple[int, str]], listed: list[Example]) -> list[str]:
    """Signs of programs where the index has none."""
    return [f"{offset} {text}" for offset, text in found if not any(offset in example.bytes for example in listed)]


def test_each_example_has_a_place_of_its_own(listed: list[Example]) -> None:
    assert [example.example for example in listed if not example.bytes] == []
    shared = [(a.example, b.example) for a, b in pairwise(listed) if a.bytes.stop > b.bytes.start]
    assert shared == []


def test_every_sign_of_a_program_is_in_an_example(listed: list[Example]) -> None:
    assert len(marks.recorded()) > 200
    assert strays([mark for mark in marks.recorded() if mark not in marks.PROSE], listed) == []
    assert set(marks.PROSE) <= set(marks.recorded())


def test_every_block_of_code_is_an_example_of_its_own(listed: list[Example]) -> None:
    blocks = [offset for offset, text in marks.recorded() if text in MARKUP]
    assert len(blocks) > 100
    assert [offset for offset in blocks if offset not in {example.bytes.start for example in listed}] == []


def test_every_example_shows_a_sign(listed: list[Example]) -> None:
    unmarked = [
        example.example
        for example in listed
        if example.path is not None and not any(offset in example.bytes for offset, _ in marks.recorded())
    ]
    # Told in the text, without any markup.
    assert unmarked == list(marks.IN_PROSE)


def test_a_program_that_nobody_listed_is_noticed(listed: list[Example]) -> None:
    assert strays(marks.marks(b"prose codeblock python import parsl"), []) == ["6 codeblock", "23 import parsl"]
    missing = [example for example in listed if example.example != "1.2/quickstart/1"]
    assert any("codeblock" in stray for stray in strays(marks.recorded(), missing))


def test_an_anchor_holds_or_not() -> None:
    assert begins(b"codeblock python import parsl", "codeblock * import")
    assert not begins(b"codeblock python import parsl", "codeblock * print")


def test_the_signs_are_those_of_the_document(document: bytes) -> None:
    assert marks.marks(document) == marks.recorded()


def test_the_places_are_those_of_the_document(document: bytes, listed: list[Example]) -> None:
    wrong = [
        f"{example.example}: {document[example.bytes.start : example.bytes.stop][:60]!r}"
        for example in listed
        if not begins(document[example.bytes.start : example.bytes.stop], example.anchor)
    ]
    assert wrong == []
