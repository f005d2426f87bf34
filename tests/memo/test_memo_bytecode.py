"""The normal form of compiled code: comments and blank lines do not show, what code does shows."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import CodeType

import pytest

from parsl_like.memo.bytecode import code_form

CORPUS = (
    "argparse",
    "ast",
    "asyncio.base_events",
    "asyncio.tasks",
    "concurrent.futures.process",
    "contextlib",
    "csv",
    "dataclasses",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "json.decoder",
    "logging",
    "random",
    "shutil",
    "statistics",
    "tempfile",
    "textwrap",
    "threading",
    "zipfile",
)
"""Modules of the standard library, as examples of what people write."""


def compiled(source: str, name: str = "<source>", optimize: int = -1) -> CodeType:
    return compile(source, name, "exec", optimize=optimize)


def form(source: str) -> bytes:
    return code_form(compiled(source)).form


def spread(source: str) -> str:
    """The source with a comment and a blank line before every statement."""
    lines = source.splitlines(keepends=True)
    starts = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and not lines[node.lineno - 1][: node.col_offset].strip():
            starts.add(node.lineno)
    for line in sorted(starts, reverse=True):
        lines.insert(line - 1, "\n# a comment\n\n")
    return "".join(lines)


def source_of(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", CORPUS)
def test_comments_and_blank_lines_do_not_show(module: str) -> None:
    source = source_of(module)
    changed = spread(source)
    assert changed.count("\n") > 1.5 * source.count("\n") * 0.9
    assert form(source) == form(changed)


def test_the_name_of_the_file_does_not_show() -> None:
    source = source_of("textwrap")
    assert code_form(compiled(source, "a")).form == code_form(compiled(source, "b")).form


FUNCTION = '''
def f(x, y=1, *rest, z, **others):
    """Says what it does."""
    total = 0
    for each in rest:
        try:
            total += each * x
        except TypeError as error:
            with open("log") as log:
                print(error, file=log)
        finally:
            total -= 1
    return [total + i for i in range(y) if i in {1, 2, 3}], lambda: total
'''


def inner(source: str) -> bytes:
    """The form of the first function in a source."""
    module = compiled(source)
    return code_form(next(each for each in module.co_consts if isinstance(each, CodeType))).form


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Says what it does", "Says something else"),
        ('    """Says what it does."""\n', ""),
        ("(x, y=1, *rest, z, **others)", "(x: int, y: 'int' = 1, *rest: float, z: str, **others: str) -> list"),
        ("total = 0", "total = (\n        # nothing yet\n        0\n    )"),
        ("{1, 2, 3}", "{3, 2, 1}"),
        ("    for each", "\t# a tab\n    for each"),
        ("y=1", "y=2"),  # a default is not code
    ],
)
def test_what_does_not_count(old: str, new: str) -> None:
    assert old in FUNCTION
    assert inner(FUNCTION.replace(old, new)) == inner(FUNCTION)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("total = 0", "total = 1"),
        ("total = 0", "total = 0.0"),
        ("total = 0", "total = False"),
        ("total += each * x", "total += x * each"),
        ("total += each * x", "total -= each * x"),
        ("total += each * x", "total += each * y"),
        ("TypeError", "ValueError"),
        ('"log"', '"out"'),
        ("range(y)", "range(x)"),
        ("i in {1, 2, 3}", "i not in {1, 2, 3}"),
        ("i in {1, 2, 3}", "i in {1, 2}"),
        ("i in {1, 2, 3}", "i in (1, 2, 3)"),
        ("total + i for", "total - i for"),
        ("[total + i for i in range(y) if i in {1, 2, 3}]", "{total + i for i in range(y) if i in {1, 2, 3}}"),
        ("lambda: total", "lambda: x"),
        ("lambda: total", "lambda a: total"),
        ("(x, y=1", "(y, x=1"),
        ("(x, y=1", "(x, /, y=1"),
        ("*rest, z", "*rest, z, w"),
        ("*rest", "*others_too"),
        ("finally", "else"),
        ("        finally:\n            total -= 1\n", "        total -= 1\n"),
        ("def f", "async def f"),
        ("total = 0", "global total; total = 0"),
        ("total", "amount"),
    ],
)
def test_what_counts(old: str, new: str) -> None:
    assert old in FUNCTION
    assert inner(FUNCTION.replace(old, new)) != inner(FUNCTION)


def test_jumps_are_told_apart() -> None:
    one = "def f(x):\n    while x:\n        if x == 1:\n            continue\n        x -= 1\n"
    assert inner(one) != inner(one.replace("continue", "break"))


def test_a_long_function_is_told_like_a_short_one() -> None:
    """Jumps over many instructions are longer instructions themselves."""
    body = "".join(f"        x = x + {number}\n" for number in range(400))
    source = f"def f(x):\n    while x:\n{body}        if x: continue\n    return x\n"
    assert inner(source) == inner(spread(source))
    assert inner(source) != inner(source.replace("x + 399", "x + 398"))


def test_globals_that_are_read_and_set_are_named() -> None:
    source = """
def f(x):
    global count
    count = count + step
    class Inner:
        here = there
        def g(self): return deep(lambda: deeper)
    return [outer(i) for i in x]
"""
    found = code_form(next(each for each in compiled(source).co_consts if isinstance(each, CodeType)))
    assert found.stores == {"count"}
    assert {"count", "step", "there", "deep", "deeper", "outer"} <= found.loads


def test_where_a_class_stands_does_not_show() -> None:
    source = "def f():\n    class Inner:\n        def g(self): self.a = self.b = self.c = 1\n    return Inner\n"
    assert inner(source) == inner("\n\n# further down\n" + source.replace("    class", "\n\n    class"))
