"""``with parsl.load():`` blocks whose futures are asked for when the block is over."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.cli.migration.bindings import Bindings

ASKING: Final = ("result", "exception")
"""Methods of futures that wait for a task."""

LOADERS: Final = ("parsl.load", "parsl.dataflow.dflow.DataFlowKernelLoader.load")


def asked_too_late(tree: ast.AST, bindings: Bindings) -> Iterator[ast.Call]:
    """Where a future that such a block made is asked for after it, in the same list of statements.

    Args:
        tree: The program.
        bindings: What its names stand for.
    """
    for holder in ast.walk(tree):
        for _, statements in ast.iter_fields(holder):
            if isinstance(statements, list):
                made: set[str] = set()
                for statement in statements:
                    yield from _asked_in(statement, made)
                    if isinstance(statement, ast.With) and _loads(statement, bindings):
                        made |= _left_open_by(statement)


def _loads(block: ast.With, bindings: Bindings) -> bool:
    calls = [item.context_expr for item in block.items if isinstance(item.context_expr, ast.Call)]
    return any(bindings.path(call.func) in LOADERS for call in calls)


def _left_open_by(block: ast.With) -> set[str]:
    """Names that are assigned within and not asked for their results there."""
    made = {node.id for node in ast.walk(block) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return made - {_root(node) for node in _asked_in(block, made)}


def _asked_in(statement: ast.AST, made: set[str]) -> Iterator[ast.Call]:
    """Calls such as ``future.result()`` and ``future.outputs[0].result()`` of what was made."""
    for node in ast.walk(statement) if made else ():
        if isinstance(node, ast.Call) and _asks(node) and _root(node) in made:
            yield node


def _asks(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ASKING


def _root(call: ast.Call) -> str:
    """The name that a dotted and indexed expression begins with."""
    root: ast.expr = call.func
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    return root.id if isinstance(root, ast.Name) else ""
