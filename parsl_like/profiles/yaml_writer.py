"""Plain data as YAML that reads back the same (https://yaml.org/spec/1.2.2/); needs no package."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from parsl_like.profiles.quoting import is_block, number, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_READ_OTHERWISE: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Words that YAML 1.1, YAML 1.2 or both do not read as text."""

_INDENT: Final = "  "


def write_yaml(table: Mapping[str, Any]) -> str:
    """A document.

    Args:
        table: Text, numbers, True, False, None, lists, and dicts with texts as keys.

    Raises:
        ConfigurationError: a text cannot be written to a file.
    """
    return "\n".join(_table(table, "")) + "\n" if table else "{}\n"


def _table(table: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in table.items():
        yield from _entry(f"{indent}{_word(name)}:", value, indent)


def _list(values: list[Any], indent: str) -> Iterator[str]:
    for value in values:
        if value and isinstance(value, dict | list):
            inside = f"{indent}{_INDENT}"
            first, *rest = _table(value, inside) if isinstance(value, dict) else _list(value, inside)
            yield f"{indent}- {first[len(inside) :]}"
            yield from rest
        else:
            yield from _entry(f"{indent}-", value, indent)


def _entry(start: str, value: Any, indent: str) -> Iterator[str]:
    """A value after its key or its dash; what is larger than a word is put below, further in."""
    if value and isinstance(value, dict | list):
        yield start
        inside = f"{indent}{_INDENT}"
        yield from _table(value, inside) if isinstance(value, dict) else _list(value, inside)
    elif isinstance(value, str) and is_block(value) and not value.endswith("\n\n") and value.strip("\n"):
        # The number says how far the lines are indented, for the first one may begin with blanks of its own.
        yield f"{start} |{len(_INDENT)}{'' if value.endswith(chr(10)) else '-'}"
        for line in value.removesuffix("\n").split("\n"):
            yield f"{indent}{_INDENT}{line}" if line else ""
    else:
        yield f"{start} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    return number(value, ".inf", ".nan")


def _word(text: str) -> str:
    """Text without quotes, if no reader can take it for something else."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _READ_OTHERWISE else quoted(text)
