"""Which names of a program are Parsl's, and which of them also mean something else."""

from __future__ import annotations

import ast

PARSL = "parsl"

_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


def is_parsl(module: str | None) -> bool:
    """Whether a module is Parsl or a part of it; ``parsl_utils`` is not."""
    return module is not None and (module == PARSL or module.startswith(f"{PARSL}."))


class Bindings(ast.NodeVisitor):
    """What the names of a program stand for, whatever the scope: a name with two meanings is trusted with none.

    Attributes:
        paths: For each name that an import of Parsl binds, where in Parsl it leads: ``parsl.executors.X``.
        others: Names that anything else binds.
    """

    def __init__(self, tree: ast.AST) -> None:
        self.paths: dict[str, set[str]] = {}
        self.others: set[str] = set()
        self.visit(tree)

    def path(self, node: ast.expr) -> str | None:
        """Where in Parsl a dotted name leads; None for any other expression, and for a name with two meanings."""
        rest: list[str] = []
        while isinstance(node, ast.Attribute):
            rest.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self.others or len(self.paths.get(node.id, ())) != 1:
            return None
        (start,) = self.paths[node.id]
        return ".".join([start, *rest])

    @property
    def keeps_name(self) -> bool:
        """Whether the name ``parsl`` must stay, because it is also the name of something else."""
        return PARSL in self.others or self.paths.get(PARSL, {PARSL}) != {PARSL}

    # --- what imports bind

    def visit_Import(self, node: ast.Import) -> None:
        """``import parsl.x`` binds ``parsl``; with ``as`` it binds another name."""
        for alias in node.names:
            if not is_parsl(alias.name):
                self.others.add(alias.asname or alias.name.partition(".")[0])
            elif alias.asname:
                self.paths.setdefault(alias.asname, set()).add(alias.name)
            else:
                self.paths.setdefault(PARSL, set()).add(PARSL)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from parsl.x import y`` binds ``y``."""
        for alias in node.names:
            name = alias.asname or alias.name
            if node.level == 0 and is_parsl(node.module):
                self.paths.setdefault(name, set()).add(f"{node.module}.{alias.name}")
            else:
                self.others.add(name)

    # --- what else binds

    def visit_Name(self, node: ast.Name) -> None:
        """A name that is assigned or deleted."""
        if not isinstance(node.ctx, ast.Load):
            self.others.add(node.id)

    def visit_arg(self, node: ast.arg) -> None:
        """A parameter."""
        self.others.add(node.arg)
        self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        """Whatever has a name of its own: functions, classes, ``except E as x``, patterns; then what is in it."""
        if isinstance(node, _NAMED) and node.name:
            self.others.add(node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            self.others.update(node.names)  # they have no place of their own in the tree, so they cannot be rewritten
        super().generic_visit(node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """``{**rest}`` of a pattern."""
        if node.rest:
            self.others.add(node.rest)
        self.generic_visit(node)
