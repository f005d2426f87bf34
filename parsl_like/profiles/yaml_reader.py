"""YAML as nodes with their places.

Plain words mean what the core schema of YAML 1.2 says (https://yaml.org/spec/1.2.2/#103-core-schema): ``yes`` and
``01:00:00`` are texts. Tags are refused; anchors, aliases and merge keys work.
"""

from __future__ import annotations

import importlib
import re
from typing import Any, Final

from parsl_like.errors import OptionalModuleMissing
from parsl_like.profiles.nodes import TOO_DEEP, Node, Place, ProfileError

MOST_NODES: Final = 100_000
"""Of a document, each alias counted with all that it stands for."""

_PLAIN, _TEXT = "plain", "tag:yaml.org,2002:str"
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_UNBOUNDED: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def read_yaml(text: str, file: str) -> Node:
    """A document's top-level mapping.

    Args:
        text: The document.
        file: What to call it in messages.

    Raises:
        ProfileError: it is no YAML, or has tags, a key twice, or more than one document.
        OptionalModuleMissing: PyYAML is not installed.
    """
    yaml = _yaml()
    loader = type("Loader", (yaml.BaseLoader,), {"resolve": _resolve})
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        place = Place(file, None if mark is None else mark.line + 1)
        raise ProfileError(place, f"this is no YAML: {problem}.") from error
    except RecursionError as error:
        raise ProfileError(Place(file), TOO_DEEP) from error
    if root is None:
        return Node({}, Place(file))
    return _Reader(yaml, file).node(root, Place(file), ())


def plain_value(text: str) -> str | int | float | bool | None:
    """What a word without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _NUMBER.fullmatch(text):
        return float(text)
    if _UNBOUNDED.fullmatch(text):
        return float(text.replace(".", "").lower())
    return text


def _resolve(_loader: Any, _kind: type, _value: str | None, implicit: Any) -> str:
    """The tag of what has none: only whether a scalar was written without quotes counts."""
    return _PLAIN if isinstance(implicit, tuple) and implicit[0] else _TEXT


class _Reader:
    def __init__(self, yaml: Any, file: str) -> None:
        self._yaml, self._file = yaml, file
        self._seen = 0

    def node(self, given: Any, place: Place, above: tuple[int, ...]) -> Node:
        """A node of ours for one of PyYAML's; those that it is within are known by their ids."""
        self._seen += 1
        if self._seen > MOST_NODES or id(given) in above:
            raise ProfileError(place, "aliases make this too large to be meant.")
        if given.tag not in (_PLAIN, _TEXT):
            raise ProfileError(place, f"the tag {given.tag} has no meaning here.", hint="leave it out.")
        within = (*above, id(given))
        if isinstance(given, self._yaml.ScalarNode):
            return Node(plain_value(given.value) if given.tag == _PLAIN else given.value, place)
        if isinstance(given, self._yaml.SequenceNode):
            return Node([self.node(part, self._place(part), within) for part in given.value], place)
        return self._mapping(given, place, within)

    def _mapping(self, given: Any, place: Place, within: tuple[int, ...]) -> Node:
        found: dict[str, Node] = {}
        merged: list[Node] = []
        for key, part in given.value:
            where = self._place(key)
            if not isinstance(key, self._yaml.ScalarNode):
                raise ProfileError(where, "a key that is no text.")
            value = self.node(part, where, within)
            if key.value == "<<" and key.tag == _PLAIN:
                merged += value.value if isinstance(value.value, list) else [value]
            elif key.value in found:
                raise ProfileError(where, f"{key.value!r} is there twice; it is on line {found[key.value].place.line}.")
            else:
                found[key.value] = value
        for other in merged:
            if not isinstance(other.value, dict):
                raise ProfileError(other.place, "<< takes a mapping, or a list of mappings.")
            found = {**other.value, **found}
        return Node(found, place)

    def _place(self, given: Any) -> Place:
        return Place(self._file, given.start_mark.line + 1)


def _yaml() -> Any:
    try:
        return importlib.import_module("yaml")
    except ModuleNotFoundError as error:
        raise OptionalModuleMissing(
            ["yaml"], "it reads YAML: pip install parsl_like[yaml], or write the profile as TOML"
        ) from error
