"""The commands have Parsl's names as well, and the names that a substitution makes of them."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

import parsl_like.cli

SETUP = Path(__file__).resolve().parents[2] / "setup.py"


def scripts() -> dict[str, str]:
    (call,) = (node for node in ast.walk(ast.parse(SETUP.read_text(encoding="utf-8"))) if called(node) == "setup")
    (points,) = (word.value for word in call.keywords if word.arg == "entry_points")
    lines = ast.literal_eval(points)["console_scripts"]
    return dict(tuple(part.strip() for part in line.split("=")) for line in lines)


def called(node: ast.AST) -> str:
    return getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""


@pytest.mark.parametrize("command", ["perf", "visualize", "globus-auth"])
@pytest.mark.parametrize("prefix", ["parsl-", "parsl_like-"])
def test_each_has_both_names(
    command: str, prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, _, function = scripts()[prefix + command].partition(":")
    given: list[list[str]] = []

    def note(argv: list[str]) -> int:
        given.append(argv)
        return 7

    monkeypatch.setattr(parsl_like.cli, "main", note)
    monkeypatch.setattr(sys, "argv", [prefix + command, "--config", "x"])
    assert getattr(importlib.import_module(module), function)() == 7
    assert given == [[command, "--config", "x"]]
