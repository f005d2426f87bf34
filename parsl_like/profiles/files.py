"""Files of profiles: each holds one configuration, or several by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError
from parsl_like.profiles.nodes import Node, ProfileError, nearest
from parsl_like.profiles.places import PYPROJECT
from parsl_like.profiles.toml_reader import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROFILES: Final = "profiles"
DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """What a file holds.

    Attributes:
        path: The file.
        profiles: Tables by name, if it has several.
        whole: The table of the one configuration that it is; None if it has profiles.
        default: The profile to take where none is named; None if the file does not say.
    """

    path: Path
    profiles: Mapping[str, Node]
    whole: Node | None = None
    default: str | None = None

    @property
    def chosen(self) -> str | None:
        """The default, or the only profile there is."""
        return self.default or (next(iter(self.profiles)) if len(self.profiles) == 1 else None)


def read_file(path: Path) -> Node:
    """The top-level table of a file, or, of a ``pyproject.toml``, the table ``tool.parsl_like``.

    Raises:
        ProfileError: it is no TOML or YAML.
        ConfigurationError: it cannot be read.
        OptionalModuleMissing: it is YAML, and PyYAML is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
    if path.suffix in (".yaml", ".yml"):
        from parsl_like.profiles.yaml_reader import read_yaml  # not everybody has the package for it

        return read_yaml(text, str(path))
    root = read_toml(text, str(path))
    if path.name != PYPROJECT:
        return root
    tool = root.entries.get("tool", Node({}, root.place))
    return tool.entries.get("parsl_like", Node({}, root.place))


def profiles_in(path: Path, *, collection: bool = False) -> ProfileFile:
    """What a file holds.

    Args:
        path: The file.
        collection: Whether only profiles by name may be in it.

    Raises:
        ProfileError: something in it cannot be meant; also as for :func:`read_file`.
    """
    root = read_file(path)
    entries = _table(root, f"{path.name} is a table").value
    if not collection and PROFILES not in entries and DEFAULT not in entries:
        return ProfileFile(path, {}, whole=root)
    for name, node in entries.items():
        if name not in (PROFILES, DEFAULT):
            hint = nearest(name, (PROFILES, DEFAULT))
            raise ProfileError(node.place, f"a file of profiles has no {name!r} beside them.", hint=hint)
    profiles = _table(entries.get(PROFILES, Node({}, root.place)), "profiles are tables by name").value
    for name, node in profiles.items():
        _table(node, f"the profile {name!r} is a table")
        if not name or name == "auto" or any(character in name for character in ":/\\"):
            raise ProfileError(node.place, f"no profile can be called {name!r}.", hint="take a plain word.")
    return ProfileFile(path, profiles, default=_default(entries.get(DEFAULT)))


def _table(node: Node, what: str) -> Node:
    if not isinstance(node.value, dict):
        raise ProfileError(node.place, f"{what}.")
    return node


def _default(node: Node | None) -> str | None:
    if node is None:
        return None
    value: Any = node.value
    if not isinstance(value, str):
        raise ProfileError(node.place, "default is the name of a configuration.")
    return value
