"""What ``load`` takes where a program says nothing: cheap to ask, for nearly always nobody says anything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from parsl_like.profiles.places import CONFIG_VARIABLE, PROFILE_VARIABLE, files_in_order

if TYPE_CHECKING:
    from parsl_like.config import Config


def usual_config() -> Config | None:
    """The configuration that the environment, the project's file or the user's file choose; None if none does.

    Raises:
        ConfigurationError: it cannot be had, or cannot be meant.
    """
    chosen = os.environ.get(CONFIG_VARIABLE) or os.environ.get(PROFILE_VARIABLE)
    if not chosen and not files_in_order():
        return None
    from parsl_like.profiles.named import Configurations  # reads files

    configurations = Configurations()
    name = configurations.usual()
    return None if name is None else configurations.named(name).config


def config_named(name: str) -> Config:
    """The configuration of a name, as :meth:`parsl_like.profiles.named.Configurations.named` finds it.

    Raises:
        ConfigurationError: there is none so called, or it cannot be meant.
    """
    from parsl_like.profiles.named import Configurations  # reads files

    return Configurations().named(name).config
