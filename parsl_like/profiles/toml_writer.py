"""Plain data as TOML that reads back the same (https://toml.io/en/v1.0.0)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from parsl_like.profiles.nodes import TYPE
from parsl_like.profiles.quoting import is_block, number, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_NONE: Final = f'{{ {TYPE} = "none" }}'
_SECOND_QUOTE: Final = re.compile(r'"(?="|\Z)')
"""A quote before another, or at the end: two of them side by side could be the first of three."""


def write_toml(table: Mapping[str, Any], at: tuple[str, ...] = ()) -> str:
    """A document.

    Args:
        table: Text, numbers, True, False, None, lists, and dicts with texts as keys. TOML has no None: it becomes a
            table that says so.
        at: The keys of the table that all of it is put into; () for the top level.

    Raises:
        ConfigurationError: a text cannot be written to a file.
    """
    sections: list[list[str]] = []
    _section(table, at, f"[{_dotted(at)}]" if at else "", sections)
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _section(table: Mapping[str, Any], path: tuple[str, ...], header: str, sections: list[list[str]]) -> None:
    """The lines of a table, and after them those of the tables within."""
    lines = [header] if header else []
    sections.append(lines)
    inner = [name for name, value in table.items() if _is_table(value) or _is_tables(value)]
    lines += [f"{_key(name)} = {_value(value)}" for name, value in table.items() if name not in inner]
    for name in inner:
        value, below = table[name], (*path, name)
        if _is_table(value):
            _section(value, below, f"[{_dotted(below)}]", sections)
        else:
            for part in value:
                _section(part, below, f"[[{_dotted(below)}]]", sections)


def _is_table(value: object) -> bool:
    """Whether a dict deserves lines of its own: it describes something, or has more than a few entries."""
    if not isinstance(value, dict):
        return False
    named = value.get(TYPE)
    return len(value) > 2 if named is None else ":" in named or named[:1].isupper()


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_table(part) for part in value)


def _value(value: Any) -> str:
    if value is None:
        return _NONE
    if isinstance(value, str):
        return _lines(value) if is_block(value) else quoted(value)
    return _inline(value)


def _inline(value: Any) -> str:
    if value is None:
        return _NONE
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(name)} = {_inline(part)}" for name, part in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return number(value, "inf", "nan")


def _lines(text: str) -> str:
    """Text over several lines; the line feed after the opening quotes is not part of it."""
    doubled = text.replace("\\", "\\\\")
    escaped = _SECOND_QUOTE.sub(r'\\"', doubled)
    return f'"""\n{escaped}"""'


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else quoted(name)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(map(_key, path))
