"""The table of faults names every test that carries the mark, and says what the mark says."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"


def marked() -> dict[str, tuple[str, ...]]:
    """Component, fault, what must happen and bound of each test with the mark, by file and name."""
    found = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.fault(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (facts := _facts(node)):
                found[f"`{path.relative_to(TESTS)}` `{node.name}`"] = facts
    return found


def _facts(function: ast.FunctionDef) -> tuple[str, ...] | None:
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault":
            texts = [ast.literal_eval(argument) for argument in call.args]
            bound = next((ast.literal_eval(each.value) for each in call.keywords if each.arg == "bound"), None)
            return (*texts, "-" if bound is None else f"{bound:g}")
    return None


def documented() -> dict[str, tuple[str, ...]]:
    found = {}
    for line in (ROOT / "docs" / "internals" / "faults.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 6 and "`test_" in cells[5]:
            found[cells[5]] = tuple(cells[:4])
    return found


def test_every_fault_is_in_the_table_as_its_test_says() -> None:
    assert documented() == marked()
