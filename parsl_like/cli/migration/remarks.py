"""What in a program a person should look at before it runs here, with the line."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from parsl_like.cli.migration.bindings import PARSL, Bindings, is_parsl
from parsl_like.cli.migration.blocks import asked_too_late
from parsl_like.cli.migration.presence import found, idle_arguments, old_arguments, without_effect
from parsl_like.cli.migration.rewriting import is_pair
from parsl_like.core.unbuilt import Unbuilt

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_NAMED: Final = re.compile(
    r"(?<![\w./-])parsl\.(?!log\b)[a-z_]+"  # a module
    r"|(?<![\w.])(?:import|from|install|-m) parsl\b"
    r"|\bactivate \S*parsl"
    r"|\bparsl-[a-z]+"  # a command
)
"""Parsl in a string, for Python or for a shell."""

_PRIVATE: Final = re.compile(r"\._(?!_)")

SHOWN: Final = 60
"""Characters of a string that a remark quotes."""


@dataclass(frozen=True, order=True)
class Remark:
    """Something to look at.

    Attributes:
        line: Where, from 1.
        text: What, and what to do.
    """

    line: int
    text: str


class Remarker(ast.NodeVisitor):
    """Walks a program and gathers remarks.

    Args:
        tree: The program.
        bindings: What its names stand for.
        rewritten: Strings of which nothing need be said.

    Attributes:
        remarks: What was found, in any order.
    """

    def __init__(self, tree: ast.AST, bindings: Bindings, rewritten: AbstractSet[ast.AST] = frozenset()) -> None:
        self.bindings, self._rewritten = bindings, rewritten
        self.remarks: set[Remark] = set()
        self.visit(tree)
        for node in asked_too_late(tree, bindings):
            self._say(node, "its task is canceled if it has not ended with its block; ask within, or exit_mode='wait'.")

    def _say(self, node: ast.expr | ast.stmt | ast.keyword, text: str) -> None:
        self.remarks.add(Remark(node.lineno, text))

    def _check(self, node: ast.expr | ast.stmt, path: str) -> None:
        missing = found(path).missing
        if missing:
            self._say(node, f"{missing}.")

    # --- names that are not there

    def visit_Import(self, node: ast.Import) -> None:
        """A module."""
        for alias in node.names:
            if is_parsl(alias.name):
                self._check(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """A name of a module."""
        if node.level or not is_parsl(node.module):
            return
        for alias in node.names:
            if alias.name == "*":
                self._check(node, str(node.module))
                self._say(node, "import * brings the names that are public here; check the others that you use.")
            elif alias.name.startswith("_"):
                self._say(node, f"{alias.name} is private to Parsl; here it may be another thing, or not be there.")
            else:
                self._check(node, f"{node.module}.{alias.name}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A dotted name."""
        path = self.bindings.path(node)
        if path is None:
            self.generic_visit(node)
        elif _PRIVATE.search(path):
            self._say(node, f"{path} is private to Parsl; here it may be another thing, or not be there.")
        else:
            self._check(node, path)  # and with it every name that it begins with

    def visit_Name(self, node: ast.Name) -> None:
        """``parsl`` without an import of it."""
        bound = PARSL in self.bindings.paths or PARSL in self.bindings.others
        if node.id == PARSL and not bound:
            self._say(node, "parsl is used here and not imported in this file.")

    # --- what means something else

    def visit_Call(self, node: ast.Call) -> None:
        """What cannot run yet, arguments without effect, and those that are not written so that they can be edited."""
        path = self.bindings.path(node.func)
        if path is not None:
            value, callee = found(path).value, path.rpartition(".")[2]
            if isinstance(value, type) and issubclass(value, Unbuilt):
                self._say(node, f"{callee} is described only: this version cannot {value.missing}.")
            elif said := without_effect(value):
                self._say(node, f"{callee} has no effect yet: {said}.")
            for keyword in node.keywords:
                self._argument(callee, keyword, old_arguments(value).get(keyword.arg or "", ""))
                self._idle_argument(callee, keyword, idle_arguments(value).get(keyword.arg or ""))
        self.generic_visit(node)

    def _argument(self, callee: str, keyword: ast.keyword, new: str | tuple[str, ...] | None) -> None:
        if new is None:
            self._say(keyword, f"{callee}({keyword.arg}=) has no effect any more; it can go.")
        elif isinstance(new, tuple) and not is_pair(keyword.value, len(new)):
            self._say(keyword, f"{callee}({keyword.arg}=) is now {'= and '.join(new)}=: give each its value.")

    def _idle_argument(self, callee: str, keyword: ast.keyword, meaning: str | None) -> None:
        given = keyword.value
        made = self.bindings.path(given.func) if isinstance(given, ast.Call) else None
        leads_elsewhere = made is not None and not made.endswith(".LocalChannel")  # which says so itself
        left_out = isinstance(given, ast.Constant) and given.value is None
        if meaning and not leads_elsewhere and not left_out:
            self._say(keyword, f"{callee}({keyword.arg}=) has no effect: {meaning}.")

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """A class of the program's own on top of one of Parsl's."""
        for path in filter(None, map(self.bindings.path, node.bases)):
            value = found(path).value
            if isinstance(value, type) and not issubclass(value, BaseException):
                self._say(node, f"{node.name} extends {path}: its methods are called as written; try it small first.")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """A docstring, or another string that nothing reads, is passed over."""
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A string that names Parsl."""
        if not isinstance(node.value, str) or node in self._rewritten:
            return
        match = _NAMED.search(node.value)
        if match:
            start = node.value.rfind("\n", 0, match.start()) + 1
            line = node.value[start:].partition("\n")[0].strip()
            self._say(node, f"a string names Parsl: {line if len(line) <= SHOWN else line[: SHOWN - 3] + '...'!r}.")
