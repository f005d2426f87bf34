"""docs/internals/wire.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from parsl_like.executors.high_throughput import protocol
from parsl_like.executors.high_throughput.links import framing, local, port

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "internals" / "wire.md").read_text(encoding="utf-8")
CONTROL_FROM = 16


def rows(heading: str) -> list[list[str]]:
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_message_has_its_row_in_the_order_of_the_code() -> None:
    tags = [(kind.__name__, kind.__struct_config__.tag) for kind in get_args(protocol.AnyMessage)]
    assert [(row[0].strip("`"), int(row[1])) for row in rows("Messages")] == tags


def test_the_link_of_a_message_follows_from_its_number() -> None:
    for name, number, link, *_ in rows("Messages"):
        expected = "both" if name == "`InterchangeReady`" else "data" if int(number) < CONTROL_FROM else "control"
        assert link == expected, name


@pytest.mark.parametrize("row", rows("Numbers"), ids=lambda row: row[0][:20])
def test_numbers_are_those_of_the_code(row: list[str]) -> None:
    name = re.findall(r"`(\w+)`", row[0])[0]
    values = [getattr(module, name) for module in (protocol, port, framing) if hasattr(module, name)]
    assert values == [int(row[1].split()[0])]


def test_pauses_and_the_greeting_are_those_of_the_code() -> None:
    assert f"`{local.GREETING.decode()}`" in TEXT
    assert f"starts after {1000 * local.FIRST_PAUSE_S:.0f} ms and slows down to once a second" in TEXT
    assert local.LONGEST_PAUSE_S == 1
    assert framing.HEAD.size == 4 + 4
