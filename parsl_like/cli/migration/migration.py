"""One program: what it was, what it becomes, and what a person should look at."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

from parsl_like.cli.migration.bindings import PARSL, Bindings, is_parsl
from parsl_like.cli.migration.errors import CannotMigrate
from parsl_like.cli.migration.remarks import Remark, Remarker
from parsl_like.cli.migration.rewriting import Rewriter
from parsl_like.cli.migration.source import Source


@dataclass(frozen=True)
class Migration:
    """A program before and after.

    Attributes:
        before: Its text.
        after: Its text with the changes made.
        changes: How many there are.
        arguments: What became of each renamed argument, by line.
        remarks: What to look at, by line.
    """

    before: str
    after: str
    changes: int
    arguments: tuple[Remark, ...]
    remarks: tuple[Remark, ...]

    @property
    def changed(self) -> bool:
        """Whether the two texts differ."""
        return self.before != self.after


def migrated(text: str) -> Migration:
    """A program rewritten; it is neither imported nor run.

    Args:
        text: The program.

    Raises:
        CannotMigrate: it cannot be parsed, or is written in a way that cannot be edited.
    """
    try:
        return _migrated(text, parsed(text))
    except RecursionError:
        raise CannotMigrate("its expressions are nested too deeply") from None


def _migrated(text: str, tree: ast.Module) -> Migration:
    source, bindings = Source(text), Bindings(tree)
    rewriter = Rewriter(tree, source, bindings)
    if rewriter.lost:  # the name stays, so that it need not be found: import parsl_like as parsl
        bindings.others.add(PARSL)
        rewriter = Rewriter(tree, source, bindings)
    after = source.edited(rewriter.edits)
    _verify(after, bindings)
    return Migration(
        before=text,
        after=after,
        changes=len(rewriter.edits),
        arguments=tuple(sorted(Remark(line, said) for line, said in rewriter.arguments)),
        remarks=tuple(sorted(Remarker(tree, Bindings(tree), rewriter.strings).remarks)),
    )


def parsed(text: str) -> ast.Module:
    """The syntax tree of a program.

    Raises:
        CannotMigrate: it has none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the program's own escapes; its interpreter will say so
            return ast.parse(text)
    except SyntaxError as error:
        raise CannotMigrate(f"it is no Python of version 3: {error.msg}", error.lineno) from error
    except (ValueError, MemoryError) as error:  # a null character, or nesting without end, in some versions
        raise CannotMigrate(f"it is no Python of version 3: {error}") from error


def _verify(after: str, bindings: Bindings) -> None:
    """See that nothing was overlooked: a file half rewritten would fail far from here.

    Raises:
        CannotMigrate: the result does not parse, or still uses Parsl.
    """
    renamed = PARSL in bindings.paths and not bindings.keeps_name
    for node in ast.walk(parsed(after)):
        left = isinstance(node, ast.Import) and any(is_parsl(alias.name) for alias in node.names)
        left = left or (isinstance(node, ast.ImportFrom) and not node.level and is_parsl(node.module))
        if left or (renamed and isinstance(node, ast.Name) and node.id == PARSL):
            raise CannotMigrate("a use of Parsl was overlooked; please report it", getattr(node, "lineno", None))
