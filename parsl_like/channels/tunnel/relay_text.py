"""The relay as one word of a command line, for whatever Python is on the other machine."""

from __future__ import annotations

import ast
from functools import cache

PARTS = ("relay_place.py", "relay.py")


@cache
def relay_program() -> str:
    """What ``python -c`` runs there: one line without blanks, quotes of a shell's kind only where they must be."""
    import base64
    import pkgutil
    import zlib

    package = __name__.rpartition(".")[0]
    sources = [pkgutil.get_data(package, part) for part in PARTS]
    text = "\n".join(plain(source.decode()) for source in sources if source is not None)
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return f'exec(__import__("zlib").decompress(__import__("base64").b64decode("{packed}")).decode())'


def plain(source: str) -> str:
    """A module's text without what only readers and type checkers need: an older Python does not understand that.

    Gone are annotations, docstrings, and imports for annotations, from ``__future__`` and from this package, whose
    parts are sent together.
    """
    return ast.unparse(ast.fix_missing_locations(_Plain().visit(ast.parse(source))))


class _Plain(ast.NodeTransformer):
    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        node.body = _without_text(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.body = _without_text(node.body)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.body, node.returns = _without_text(node.body), None
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return None if node.value is None else ast.Assign(targets=[node.target], value=node.value)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        origin = (node.module or "").partition(".")[0]
        return None if origin in ("__future__", "collections", "parsl_like") else node


def _without_text(body: list[ast.stmt]) -> list[ast.stmt]:
    kept = [line for line in body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))]
    return kept or [ast.Pass()]
