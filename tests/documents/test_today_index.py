"""The index of today's guide against what was counted while reading it."""

from __future__ import annotations

from collections import Counter

from tests.documents.running import HERE, examples

COUNTED = HERE / "today" / "CHAPTERS"


def counted() -> dict[str, int]:
    """How many examples each chapter has: the guide's code blocks, and a few for what its text tells."""
    lines = [line.split("\t") for line in COUNTED.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    return {f"today/{chapter}": int(blocks) + int(told) for chapter, blocks, told, _ in lines}


def test_every_code_block_of_the_guide_is_in_the_index() -> None:
    assert Counter(example.chapter for example in examples("today")) == counted()


def test_most_examples_run() -> None:
    states = Counter(example.state.partition(":")[0] for example in examples("today"))
    assert states["runs"] > 5 * states["issue"]
