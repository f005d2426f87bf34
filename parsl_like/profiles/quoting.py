"""Text and numbers as both TOML and YAML write them."""

from __future__ import annotations

import json
import math
from typing import Final

from parsl_like.errors import ConfigurationError

_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quoted(text: str) -> str:
    """Text in double quotes, on one line, with everything escaped that cannot be printed.

    Raises:
        ConfigurationError: half a surrogate pair is in it, which no file can hold.
    """
    return f'"{"".join(_escaped(character) for character in text)}"'


def is_block(text: str) -> bool:
    """Whether text is better read over several lines: it has some, and nothing in them needs an escape."""
    return "\n" in text and all(character in "\n\t" or character.isprintable() for character in text)


def number(value: float, infinity: str, nothing: str) -> str:
    """A number so that it is read back the same, and as a fraction if it is one.

    Args:
        value: The number.
        infinity: How infinity is written.
        nothing: How the result of 0/0 is written.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return json.dumps(value)
    if math.isnan(value):
        return nothing
    if math.isinf(value):
        return infinity if value > 0 else f"-{infinity}"
    mantissa, exponent, power = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{exponent}{power}"


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ConfigurationError("A text holds half a surrogate pair, which no file can.", hint="write it as bytes.")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
