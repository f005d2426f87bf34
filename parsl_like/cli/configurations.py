"""The configuration that a command is given by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.profiles.named import Configurations

if TYPE_CHECKING:
    from parsl_like.config import Config
    from parsl_like.profiles.profile import Found


def configuration_named(name: str) -> Config:
    """The configuration of a name.

    Args:
        name: A Python file that defines ``config``, or a function ``fresh_config``; a file of TOML or YAML, or
            ``FILE:PROFILE``; ``module:attribute``, either of a Config or of a function that returns one; ``auto``; a
            profile of the project or the user; a site of a plugin; or one of ``parsl_like.configs``.

    Raises:
        ConfigurationError: there is none so called, or what is there is none.
    """
    return Configurations().named(name).config


def found_or_usual(name: str | None) -> Found | None:
    """The configuration of a name, or the one that programs get that name none; None if nobody has chosen one.

    Raises:
        ConfigurationError: there is none so called, or what is there is none.
    """
    configurations = Configurations()
    chosen = configurations.usual() if name is None else name
    return None if chosen is None else configurations.named(chosen)
