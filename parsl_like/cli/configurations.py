"""The configuration that a command is given by name: a file, an object of a module, or one that somebody has made."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parsl_like.cli.throughput import configuration
from parsl_like.config import Config
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

READY_MADE = "parsl_like.configs"


def configuration_named(name: str) -> Config:
    """The configuration of a name.

    Args:
        name: A Python file that defines ``config``, or a function ``fresh_config``; ``module:attribute``, either of a
            Config or of a function that returns one; ``auto``; a site of a plugin; or one of ``parsl_like.configs``.

    Raises:
        ConfigurationError: there is none so called, or what is there is none.
    """
    if name.endswith(".py") or os.path.isfile(name):
        if not os.path.isfile(name):
            raise ConfigurationError(f"There is no file {name}.")
        return configuration(Path(name))
    if ":" in name:
        return _config(name, lambda: _attribute(name))
    if name == "auto":
        from parsl_like.dataflow.autoconfig import found_config

        return found_config()
    from parsl_like.plugins.manager import PluginManager

    sites = PluginManager().site_configs
    if name in sites:
        return _config(name, lambda: sites[name])
    known = sorted([*sites, *_ready_made(), "auto"])
    if name not in known:
        raise ConfigurationError("The configuration", name, f"a file, module:attribute, or one of {', '.join(known)}")
    return _config(name, lambda: importlib.import_module(f"{READY_MADE}.{name}").config)


def _ready_made() -> list[str]:
    import pkgutil

    return [found.name for found in pkgutil.iter_modules(importlib.import_module(READY_MADE).__path__)]


def _attribute(name: str) -> Any:
    module, _, attributes = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` has it
    found: Any = importlib.import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


def _config(name: str, get: Callable[[], Any]) -> Config:
    try:
        given = get()
        if callable(given):
            given = given()
    except Exception as error:  # code of the user's, or of a plugin; they need to know which, and what it said
        raise ConfigurationError(f"{name} cannot be had: {type(error).__name__}: {error}") from error
    if not isinstance(given, Config):
        raise ConfigurationError(name, given, "a Config, or a function that returns one")
    return given
