"""The edits that turn a program for Parsl into one for this package: imports, names, old arguments, names in strings.

Only what is certain is edited: the syntax tree says that a name is Parsl's, and the text is where the tree says it is.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final, TypeGuard

from parsl_like.cli.migration.bindings import PARSL, Bindings, is_parsl
from parsl_like.cli.migration.errors import CannotMigrate
from parsl_like.cli.migration.presence import OURS, found, old_arguments, ours
from parsl_like.cli.migration.source import Edit, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMING_FUNCTIONS: Final = ("getLogger", "import_module", "importorskip", "find_spec", "__import__", "patch")
"""Functions whose first argument, if it is a string, names a module or a logger."""

LOGGER_POSITIONS: Final = {"set_stream_logger": 0, "set_file_logger": 1}
"""Functions of Parsl that take the name of a logger, and where."""

MOVED: Final = {
    "parsl.dataflow.error": "parsl.dataflow.errors",
    "parsl.dataflow.strategy": "parsl.jobs.strategy",
    "parsl.launchers.error": "parsl.launchers.errors",
    "parsl.providers.error": "parsl.providers.errors",
    "parsl.providers.provider_base": "parsl.providers.base",
}
"""Modules of Parsl 1.2 and what they are called today."""

_FROM: Final = re.compile(r"from[\s\\]+(?P<module>[\w.]+)")
_QUOTE: Final = re.compile(r"""[rRbBuU]*(?:'''|\"\"\"|'|")""")
_NAME: Final = re.compile(r"(?<![\w.'\"])parsl(?![\w'\"])")


class Rewriter(ast.NodeVisitor):
    """Walks a program and gathers edits.

    Attributes:
        edits: What to change.
        arguments: For each renamed argument, its line and what became of it, in words.
        strings: Strings that were rewritten.
        lost: Whether there is a name ``parsl`` that could not be found in the text.

    Raises:
        CannotMigrate: something that must be edited is not where it should be.
    """

    def __init__(self, tree: ast.AST, source: Source, bindings: Bindings) -> None:
        self.source, self.bindings = source, bindings
        self.edits: set[Edit] = set()
        self.arguments: list[tuple[int, str]] = []
        self.strings: set[ast.Constant] = set()
        self.lost = False
        self.visit(tree)

    def _replace(self, start: int, old: str, new: str) -> None:
        if not self.source.text.startswith(old, start):
            raise CannotMigrate(f"{old} is written here in a way that cannot be edited", self.source.line(start))
        self.edits.add(Edit(start, start + len(old), new))

    @property
    def _renames(self) -> bool:
        return PARSL in self.bindings.paths and not self.bindings.keeps_name

    # --- imports

    def visit_Import(self, node: ast.Import) -> None:
        """``import parsl.x``; the name ``parsl`` stays where something else is called so as well."""
        for alias in node.names:
            if not is_parsl(alias.name):
                continue
            new = ours(alias.name)
            if alias.asname is None and not self._renames:
                new = f"{OURS} as {PARSL}" if alias.name == PARSL else f"{new}, {OURS} as {PARSL}"
            self._replace(self.source.span(alias)[0], alias.name, new)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from parsl.x import y``, from where ``y`` is today if all its names are there."""
        if node.level or not is_parsl(node.module):
            return
        module, start = str(node.module), self.source.span(node)[0]
        match = _FROM.match(self.source.text, start)
        moved = MOVED.get(module)
        if moved and any(found(f"{moved}.{alias.name}").missing for alias in node.names):
            moved = None
        self._replace(match.start("module") if match else start, module, ours(moved or module))

    # --- names

    def visit_Name(self, node: ast.Name) -> None:
        """The name ``parsl`` itself."""
        if node.id == PARSL and self._renames:
            self._replace(self.source.span(node)[0], PARSL, OURS)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Names within an f-string: before Python 3.12 the tree does not say where they are."""
        if not self._renames:
            return
        expected = sum(isinstance(inner, ast.Name) and inner.id == PARSL for inner in ast.walk(node))
        start, end = self.source.span(node)
        places = list(_names_in_fields(self.source.text[start:end]))
        if len(places) == expected:
            self.edits |= {Edit(start + place, start + place + len(PARSL), OURS) for place in places}
        else:
            self.lost = True

    # --- calls

    def visit_Call(self, node: ast.Call) -> None:
        """Old names of arguments, and names of modules and loggers in strings."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in NAMING_FUNCTIONS and node.args:
            self._string(node.args[0])
        path = self.bindings.path(node.func)
        if path is not None:
            self._arguments(name, node, old_arguments(found(path).value))
        self.generic_visit(node)

    def _arguments(self, callee: str, node: ast.Call, old: dict[str, str | tuple[str, ...] | None]) -> None:
        place = LOGGER_POSITIONS.get(callee)
        if place is not None and len(node.args) > place:
            self._string(node.args[place])
        for keyword in node.keywords:
            if place is not None and keyword.arg == "name":
                self._string(keyword.value)
            if keyword.arg in old:
                self._argument(callee, keyword, old[keyword.arg])

    def _argument(self, callee: str, keyword: ast.keyword, new: str | tuple[str, ...] | None) -> None:
        start, end = self.source.span(keyword)
        if isinstance(new, str):
            self._replace(start, str(keyword.arg), new)
            self.arguments.append((keyword.lineno, f"{callee}({keyword.arg}=) is now {new}="))
        elif isinstance(new, tuple) and is_pair(keyword.value, len(new)):
            parts = keyword.value.elts
            text = ", ".join(f"{name}={self.source.of(part)}" for name, part in zip(new, parts, strict=True))
            self.edits.add(Edit(start, end, text))
            self.arguments.append((keyword.lineno, f"{callee}({keyword.arg}=) is now {'= and '.join(new)}="))

    def _string(self, node: ast.expr) -> None:
        """A string that names Parsl's module or logger, or a part of one."""
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or not is_parsl(node.value):
            return
        start = self.source.span(node)[0]
        quote = _QUOTE.match(self.source.text, start)
        self._replace(quote.end() if quote else start, PARSL, OURS)
        self.strings.add(node)


def is_pair(node: ast.expr, count: int) -> TypeGuard[ast.Tuple | ast.List]:
    """Whether an expression is written as a tuple or list of so many values, none of them starred."""
    return (
        isinstance(node, ast.Tuple | ast.List)
        and len(node.elts) == count
        and not any(isinstance(part, ast.Starred) for part in node.elts)
    )


def _names_in_fields(text: str) -> Iterator[int]:
    """Where ``parsl`` stands as a name within the replacement fields of an f-string."""
    depth, position = 0, 0
    while position < len(text):
        if depth == 0 and text[position : position + 2] in ("{{", "}}"):
            position += 2
            continue
        depth = max(0, depth + (text[position] == "{") - (text[position] == "}"))
        if depth and _NAME.match(text, position):
            yield position
        position += 1
