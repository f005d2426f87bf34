"""The page on migration names all that this version only describes, and its tables are whole."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import parsl_like
from parsl_like.core.unbuilt import Unbuilt

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migration.md"
TEXT = PAGE.read_text(encoding="utf-8")


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def described_only() -> set[str]:
    """The classes that a program can name and this version cannot run."""
    for module in pkgutil.walk_packages(parsl_like.__path__, "parsl_like."):
        if not module.name.startswith(("parsl_like.testing", "parsl_like.__main__")):
            importlib.import_module(module.name)
    found, left = set(), [Unbuilt]
    while left:
        for cls in left.pop().__subclasses__():
            left.append(cls)
            if cls.__module__.startswith("parsl_like.") and "missing" in vars(cls):
                found.add(cls.__name__)
    return found


def test_what_is_only_described_is_listed_and_nothing_else() -> None:
    listed = section("What is not there yet").partition("These are taken")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == described_only()


def test_each_difference_has_a_reason() -> None:
    rows = [line.strip("|").split(" | ") for line in section("What differs on purpose").splitlines() if "|" in line]
    assert len(rows) > 15
    assert [row for row in rows if len(row) != 2 or not all(cell.strip() for cell in row)] == []


def test_at_least_ten_programs_need_nothing() -> None:
    rows = re.findall(r"^\| .* \| .* \| (.*) \|$", section("Programs that were tried"), re.MULTILINE)
    assert sum(row.startswith("nothing") for row in rows) >= 10
