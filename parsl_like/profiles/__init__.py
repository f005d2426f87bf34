"""Configurations as data: a Config in TOML or YAML is the same Config, and each has a name.

A table is a Config, or an object within: its keys are the arguments of the class, ``type`` is the class's name. What
is read from a file knows its line, so that whatever is refused is refused there.

- ``toml_reader``, ``yaml_reader``: text becomes nodes, values with their places.
- ``decoding``: nodes become descriptions. ``encoding``: descriptions become plain data, seen to be read back the same.
- ``toml_writer``, ``yaml_writer``: plain data becomes text.
- ``places``, ``files``, ``named``: where profiles are, what is in them, and what a name means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.profiles.defaults import config_named
    from parsl_like.profiles.named import Configurations
    from parsl_like.profiles.nodes import ProfileError
    from parsl_like.profiles.texts import from_toml, from_yaml, to_toml, to_yaml

__all__ = ["Configurations", "ProfileError", "config_named", "from_toml", "from_yaml", "to_toml", "to_yaml"]

_HOMES: Final = {
    "Configurations": "parsl_like.profiles.named",
    "ProfileError": "parsl_like.profiles.nodes",
    "config_named": "parsl_like.profiles.defaults",
    "from_toml": "parsl_like.profiles.texts",
    "from_yaml": "parsl_like.profiles.texts",
    "to_toml": "parsl_like.profiles.texts",
    "to_yaml": "parsl_like.profiles.texts",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
