"""Each fragment of the changelog is one sentence in a file that towncrier gathers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "changelog.d"
FRAGMENTS = sorted(path for path in FOLDER.iterdir() if path.name not in ("README.md", ".gitkeep"))
NAME = re.compile(r"[\w+-]+\.(feature|bugfix|doc|removal|misc)\.md")


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_fragment_is_one_sentence_under_a_known_type(path: Path) -> None:
    assert NAME.fullmatch(path.name), "name it <name>.<feature|bugfix|doc|removal|misc>.md"
    text = path.read_text(encoding="utf-8").strip()
    assert re.fullmatch(r"[A-Z`\"][^\n]*[.!]", text), "one line, from a capital letter to a full stop"


@pytest.mark.parametrize("name", ["core.md", "core.features.md", "core feature.md", "core.feature.rst"])
def test_another_name_is_refused(name: str) -> None:
    assert not NAME.fullmatch(name)
