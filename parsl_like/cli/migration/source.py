"""A program's text and edits to it: what no edit names stays as it is, comments and layout included."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, order=True)
class Edit:
    """Other text for a part of the program.

    Attributes:
        start: Where the part begins, in characters.
        end: Where it ends.
        text: What stands there instead.
    """

    start: int
    end: int
    text: str


class Source:
    """A text in which the nodes of its syntax tree can be found.

    Args:
        text: What was parsed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(end.end() for end in _LINE_END.finditer(text))]

    def offset(self, line: int, column: int) -> int:
        """Where a position of a syntax tree is, in characters.

        Args:
            line: Counted from 1.
            column: Bytes of UTF-8 before it in its line, as ``ast`` counts.
        """
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.alias) -> tuple[int, int]:
        """Where a node begins and where it ends, in characters."""
        start = self.offset(node.lineno, node.col_offset)
        if node.end_lineno is None or node.end_col_offset is None:
            return start, start
        return start, self.offset(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr | ast.stmt | ast.keyword | ast.alias) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def line(self, offset: int) -> int:
        """The number of the line that a character is in, from 1."""
        return bisect.bisect_right(self._starts, offset)

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text with edits made; they must not overlap."""
        parts, position = [], 0
        for edit in sorted(edits):
            parts += [self.text[position : edit.start], edit.text]
            position = edit.end
        return "".join([*parts, self.text[position:]])
