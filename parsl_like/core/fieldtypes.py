"""What the annotation of a field lets stand in it.

Annotations are read as the text they are written in, so nothing has to be imported to know what they mean: a class is
recognised by its name among the classes of a value. Where an annotation says nothing that can be seen here, anything
may stand; whether a value of the right type makes sense is said by ``check`` of the description.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Expected:
    """What may stand in a field.

    Attributes:
        accepts: Whether a value may.
        words: What may, in words: "a whole number".
        many: The same for the members of a list: "whole numbers".
    """

    accepts: Test
    words: str
    many: str


ANYTHING = Expected(lambda _: True, "anything", "anything")
NONE = Expected(lambda value: value is None, "None", "None")

_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
"""Types of values that are never meant where a class of this package, or of a user's, is asked for."""


def expected(annotation: object, names: Mapping[str, Any]) -> Expected:
    """What an annotation lets stand.

    Args:
        annotation: Its text, or the type itself.
        names: The names that it may use, such as the globals of its module; those that are not there are taken for
            classes.
    """
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        text = annotation.__name__
    else:
        text = annotation if isinstance(annotation, str) else repr(annotation)
    try:
        return _read(ast.parse(text, mode="eval").body, names)
    except SyntaxError:
        return ANYTHING


def either(options: Iterable[Expected]) -> Expected:
    """What may be one of several things; None is named last."""
    ordered = sorted(options, key=lambda option: option is NONE)
    if any(option is ANYTHING for option in ordered):
        return ANYTHING
    tests = tuple(option.accepts for option in ordered)
    return Expected(
        lambda value: any(test(value) for test in tests),
        " or ".join(dict.fromkeys(option.words for option in ordered)),
        " or ".join(dict.fromkeys(option.many for option in ordered)),
    )


# --- reading ---------------------------------------------------------------------------------------------------


def _read(node: ast.expr, names: Mapping[str, Any]) -> Expected:
    match node:
        case ast.Constant(value=None):
            return NONE
        case ast.Constant(value=str() as text):
            return expected(text, names)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return either([_read(left, names), _read(right, names)])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inside):
            return _read_subscript(name, inside, names)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _read_name(name, names)
        case _:
            return ANYTHING


def _read_subscript(name: str, inside: ast.expr, names: Mapping[str, Any]) -> Expected:
    parts = list(inside.elts) if isinstance(inside, ast.Tuple) else [inside]
    if name == "Literal":
        return _literal(parts)
    if name in ("Optional", "Union"):
        optional = [NONE] if name == "Optional" else []
        return either([*(_read(part, names) for part in parts), *optional])
    if name in ("Annotated", "Final", "ClassVar", "InitVar"):
        return _read(parts[0], names)
    if name in _LISTS:
        return _list_of(_read(parts[0], names))
    if name in ("tuple", "Tuple"):
        return _tuple_of(parts, names)
    if name in _DICTS:
        return _dict_of([_read(part, names) for part in parts])
    return _read_name(name, names)


def _read_name(name: str, names: Mapping[str, Any]) -> Expected:
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name in _LISTS or name in ("tuple", "Tuple"):
        return _list_of(ANYTHING)
    if name in _DICTS:
        return _dict_of([])
    known = names.get(name)
    if known is None or isinstance(known, type):
        return _instance_of(name, known)
    alias = getattr(known, "__value__", known)  # of a ``type`` statement
    return ANYTHING if isinstance(alias, str) else expected(alias, {})


# --- kinds of values -------------------------------------------------------------------------------------------


def _literal(parts: Sequence[ast.expr]) -> Expected:
    try:
        values = [ast.literal_eval(part) for part in parts]
    except ValueError:  # a member of an enumeration
        return ANYTHING
    if values == [None]:
        return NONE
    shown = ", ".join(map(repr, values))
    words = shown if len(values) == 1 else f"one of {shown}"
    return Expected(lambda value: any(type(value) is type(one) and value == one for one in values), words, words)


def _list_of(item: Expected) -> Expected:
    def accepts(value: Any) -> bool:
        listed = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)
        return listed and (item is ANYTHING or all(map(item.accepts, value)))

    if item is ANYTHING:
        return Expected(accepts, "a list", "lists")
    return Expected(accepts, f"a list of {item.many}", f"lists of {item.many}")


def _tuple_of(parts: Sequence[ast.expr], names: Mapping[str, Any]) -> Expected:
    if any(isinstance(part, ast.Constant) and part.value is Ellipsis for part in parts):
        return _list_of(_read(parts[0], names))
    items = [_read(part, names) for part in parts]

    def accepts(value: Any) -> bool:
        listed = isinstance(value, list | tuple) and len(value) == len(items)
        return listed and all(item.accepts(part) for item, part in zip(items, value, strict=True))

    words = f"{len(items)} values ({', '.join(item.words for item in items)})"
    return Expected(accepts, words, words)


def _dict_of(parts: Sequence[Expected]) -> Expected:
    key, value = parts if len(parts) == 2 else (ANYTHING, ANYTHING)

    def accepts(given: Any) -> bool:
        return isinstance(given, Mapping) and all(key.accepts(k) and value.accepts(v) for k, v in given.items())

    if key is ANYTHING and value is ANYTHING:
        return Expected(accepts, "a dict", "dicts")
    return Expected(accepts, f"a dict of {key.many} to {value.many}", f"dicts of {key.many} to {value.many}")


def _instance_of(name: str, known: type | None) -> Expected:
    """An object of a class that is known by its name, or one of a foreign class that may stand in for it.

    Plain data, classes (whose brackets were forgotten) and descriptions of another kind are never meant.
    """
    if getattr(known, "_is_protocol", False):
        return ANYTHING

    def accepts(value: Any) -> bool:
        if known is not None and isinstance(value, known):
            return True
        classes = {cls.__name__ for cls in type(value).__mro__}
        if name in classes:
            return True
        return not (isinstance(value, type) or type(value) in _PLAIN or "Description" in classes)

    return Expected(accepts, f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}", name)


def _is_whole(value: Any) -> bool:
    return hasattr(type(value), "__index__")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or hasattr(type(value), "__float__")


def _is_path(value: Any) -> bool:
    return hasattr(type(value), "__fspath__")


def _simple(words: str, many: str, accepts: Test) -> Expected:
    return Expected(accepts, words, many)


_WHOLE = _simple("a whole number", "whole numbers", _is_whole)
_NUMBER = _simple("a number", "numbers", _is_number)
_PATH = _simple("a path", "paths", _is_path)
_PATH_OR_TEXT = _simple("a path", "paths", lambda value: isinstance(value, str) or _is_path(value))
_SET = _simple("a set", "sets", lambda value: isinstance(value, Set))
_MANY = _simple("something to go through", "things to go through", lambda value: hasattr(type(value), "__iter__"))

_LISTS = frozenset({"list", "List", "Sequence", "MutableSequence"})
_DICTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_SIMPLE: Mapping[str, Expected] = {
    **dict.fromkeys(("Any", "object", "AnyStr"), ANYTHING),
    "NoneType": NONE,
    "bool": _simple("True or False", "True or False", lambda value: isinstance(value, bool)),
    "int": _WHOLE,
    **dict.fromkeys(("float", "complex"), _NUMBER),
    "str": _simple("text", "text", lambda value: isinstance(value, str)),
    "bytes": _simple("bytes", "bytes", lambda value: isinstance(value, bytes | bytearray | memoryview)),
    "PathLike": _PATH,
    **dict.fromkeys(("Path", "PurePath"), _PATH_OR_TEXT),
    "Callable": _simple("a function", "functions", callable),
    **dict.fromkeys(("type", "Type"), _simple("a class", "classes", lambda value: isinstance(value, type))),
    **dict.fromkeys(("set", "Set", "frozenset", "FrozenSet", "AbstractSet"), _SET),
    **dict.fromkeys(("Iterable", "Iterator", "Collection", "Container"), _MANY),
}
