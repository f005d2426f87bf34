"""What the annotation of a field says of values that a file has no notation for.

A file has one kind of list, and no functions. Whether a list is meant as a tuple, or a text as the name of a function,
is seen from the annotation. Annotations are read as the text they are written in, so nothing has to be imported.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Shape:
    """What plain values in a field become.

    Attributes:
        array: What a list becomes: list, tuple, set or frozenset.
        items: The shapes of a list's members, or of a table's values; the last one is that of all further ones.
        table: Whether a table without a type can be meant: a dict, or anything.
        named: Whether a text like ``module:name`` is the name of an object, because no text can be meant.
    """

    array: type = list
    items: tuple[Shape, ...] = ()
    named: bool = False
    table: bool = True

    def item(self, index: int) -> Shape:
        """The shape of a list's member."""
        return self.items[min(index, len(self.items) - 1)] if self.items else ANY


ANY: Final = Shape()

_ARRAYS: Final = {
    **dict.fromkeys(("list", "List", "Sequence", "MutableSequence", "Iterable", "Collection"), list),
    **dict.fromkeys(("tuple", "Tuple"), tuple),
    **dict.fromkeys(("set", "Set", "AbstractSet", "MutableSet"), set),
    **dict.fromkeys(("frozenset", "FrozenSet"), frozenset),
}
_TABLES: Final = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_TEXTS: Final = frozenset({"str", "Any", "object", "PathLike", "Path", "PurePath", "Literal", "AnyStr", "_empty"})
_SIMPLE: Final = frozenset({"bool", "int", "float", "complex", "bytes", "None", "NoneType"})


def shape_of(annotation: object) -> Shape:
    """The shape of a field.

    Args:
        annotation: Its annotation: the text, or the type itself.
    """
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        annotation = annotation.__name__
    return _shape_of(annotation if isinstance(annotation, str) else repr(annotation))


@lru_cache(maxsize=512)
def _shape_of(text: str) -> Shape:
    try:
        options = _options(ast.parse(text, mode="eval").body)
    except SyntaxError:
        return ANY
    arrays = [option for option in options if _name(option) in _ARRAYS]
    tables = [option for option in options if _name(option) in _TABLES]
    array: type = list
    items: tuple[Shape, ...] = ()
    if arrays:
        array = _ARRAYS[_name(arrays[0])]
        items = tuple(_shape_of(part) for part in _inside(arrays[0]) if part != "...")
    elif tables:
        items = tuple(_shape_of(part) for part in _inside(tables[0])[1:])
    names = {_name(option) for option in options}
    objects = names - _ARRAYS.keys() - _TABLES - _SIMPLE
    named = bool(objects) and not objects & _TEXTS
    return Shape(array, items, named=named, table=bool(tables) or not named)


def _options(node: ast.expr) -> list[ast.expr]:
    """What a union is made of; None is left out."""
    match node:
        case ast.Constant(value=str() as text):
            return _options(ast.parse(text, mode="eval").body)
        case ast.Constant():
            return []
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return [*_options(left), *_options(right)]
        case ast.Subscript(slice=inside) if _name(node) in ("Optional", "Union"):
            parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            return [option for part in parts for option in _options(part)]
        case ast.Subscript(slice=inside) if _name(node) in ("Annotated", "Final"):
            return _options(inside.elts[0] if isinstance(inside, ast.Tuple) else inside)
        case _:
            return [node]


def _name(node: ast.expr) -> str:
    match node:
        case ast.Subscript(value=value):
            return _name(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return "object"  # something that says nothing: anything may be meant


def _inside(node: ast.expr) -> list[str]:
    if not isinstance(node, ast.Subscript):
        return []
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return [ast.unparse(part) for part in parts]
