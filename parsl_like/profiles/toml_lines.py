"""On which line each value of a TOML document begins, which the standard library's reader does not say.

The document has been read by ``tomllib`` before, so it is known to be TOML (https://toml.io/en/v1.0.0), and what is
looked for here is only where keys, arrays and tables begin.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import Final

Path = tuple[str | int, ...]

_TEXT: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANK: Final = re.compile(r"[ \t]*")
_BLANK_LINES: Final = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[Path, int]:
    """The line of each key, and of each member of an array, by the keys and indexes that lead there.

    Args:
        text: A TOML document that can be read, its lines ended by line feeds.
    """
    walk = _Walk(text)
    walk.document()
    return walk.lines


class _Walk:
    """A walk through a document, from its start to its end.

    Attributes:
        lines: What has been found.
    """

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._last: dict[Path, int] = {}  # the index of the last table of each array of tables

    def document(self) -> None:
        """Walk through all of it."""
        table: Path = ()
        while self._skip(_BLANK_LINES) < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        is_array = self._text.startswith("[[", self._at)
        start = self._at
        self._at += 2 if is_array else 1
        keys = self._keys()
        self._skip(_BLANK)
        self._at += 2 if is_array else 1
        path: Path = ()
        for key in keys[:-1]:
            path = self._within((*path, key), start)
        path = (*path, keys[-1])
        if is_array:
            self._note(path, start)
            self._last[path] = self._last.get(path, -1) + 1
        path = self._within(path, start)
        self.lines[path] = self._line(start)  # a table may have been mentioned by a longer header before
        return path

    def _within(self, path: Path, start: int) -> Path:
        """The path itself, or the last table of the array of tables that it leads to."""
        self._note(path, start)
        if path in self._last:
            path = (*path, self._last[path])
            self._note(path, start)
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self._skip(_BLANK)
        self._at += 1  # the equals sign
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_BLANK)
            if self._text[self._at] in "\"'":
                keys.append(str(tomllib.loads(f"key = {self._match(_TEXT)}")["key"]))
            else:
                keys.append(self._match(_BARE_KEY))
            self._skip(_BLANK)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _value(self, path: Path) -> None:
        self._skip(_BLANK)
        first = self._text[self._at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._match(_TEXT if first in "\"'" else _SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._text[self._skip(_BLANK_LINES)] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._note((*path, index), self._at)
            self._value((*path, index))
            index += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._text[self._skip(_BLANK_LINES)] != "}":
            if self._text[self._at] == ",":
                self._at += 1
            else:
                self._pair(path)
        self._at += 1

    def _note(self, path: Path, position: int) -> None:
        self.lines.setdefault(path, self._line(position))

    def _line(self, position: int) -> int:
        return bisect_right(self._ends, position - 1) + 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        self._match(pattern)
        return self._at

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:  # only if this walk and tomllib disagree about what TOML is
            raise ValueError(f"line {self._line(self._at)} is not understood")
        self._at = found.end()
        return found.group()
