"""Configurations that are made by Python: files, objects of modules, ready-made ones, and those of plugins."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from parsl_like.config import Config
from parsl_like.errors import ConfigurationError
from parsl_like.profiles.nodes import nearest
from parsl_like.profiles.references import resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

READY_MADE: Final = "parsl_like.configs"
MAKER: Final = "fresh_config"
"""The function of a file or module that makes a new configuration."""


class UnknownArgument(ConfigurationError):
    """A function that makes a configuration has no argument so called; the nearest one is told.

    Args:
        name: Which configuration it is.
        argument: What it was given.
        known: What it takes.

    Attributes:
        argument: What it was given.
    """

    def __init__(self, name: str, argument: str, known: Iterable[str]) -> None:
        self.argument = argument
        super().__init__(f"{name} has no argument {argument!r}.", hint=nearest(argument, known))


def of_file(path: Path, arguments: Mapping[str, Any] | None = None) -> Config:
    """The configuration that a Python file holds, which is run for it.

    Args:
        path: It defines ``fresh_config``, a function that returns a Config, or ``config``.
        arguments: What to give to the function.

    Raises:
        ConfigurationError: it has neither, or that is none, or the file cannot be run.
    """
    import runpy

    try:
        names = runpy.run_path(str(path))
        made = names.get("config")
        if MAKER in names:
            made = _called(str(path), names[MAKER], arguments or {})
        elif arguments:
            raise _takes_none(str(path), arguments)
    except UnknownArgument:
        raise
    except ConfigurationError as error:
        raise _told(str(path), error) from error
    except Exception as error:  # a file of the user's; they need to know which, and what it said
        of_parsl = isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] == "parsl"
        hint = f"parsl-like migrate --write {path}" if of_parsl else "run it with python to see where."
        raise ConfigurationError(f"{path} cannot be run: {type(error).__name__}: {error}", hint=hint) from error
    if isinstance(made, Config):
        return made
    if type(made).__module__.partition(".")[0] == "parsl":
        raise ConfigurationError(
            f"{path} holds a configuration of Parsl's own.", hint=f"parsl-like migrate --write {path}"
        )
    raise ConfigurationError(f"{path}: config", made, "a Config, or a function fresh_config that returns one")


def of_object(name: str, arguments: Mapping[str, Any] | None = None) -> Config:
    """The configuration at ``module:attribute``, or the one that the function there returns.

    Raises:
        ConfigurationError: there is none.
    """
    return _made(name, lambda: resolved(name), arguments or {})


def of_site(name: str, make: Callable[..., Any], arguments: Mapping[str, Any] | None = None) -> Config:
    """The configuration that a plugin's function makes.

    Raises:
        ConfigurationError: it makes none.
    """
    return _made(name, lambda: make, arguments or {})


def ready_made() -> list[str]:
    """The names of the configurations that come with the package."""
    import pkgutil

    modules = pkgutil.iter_modules(importlib.import_module(READY_MADE).__path__)
    return sorted(module.name for module in modules if not module.name.startswith("_"))


def of_ready_made(name: str, arguments: Mapping[str, Any] | None = None) -> Config:
    """A configuration that comes with the package.

    Args:
        name: One of :func:`ready_made`.
        arguments: What to give to the function that makes it.

    Raises:
        ConfigurationError: it takes no such argument.
    """

    def found() -> Any:
        module = importlib.import_module(f"{READY_MADE}.{name}")
        return getattr(module, MAKER) if hasattr(module, MAKER) else module.config

    return _made(name, found, arguments or {})


def about(name: str) -> str:
    """The first line of what a configuration that comes with the package says of itself."""
    text = importlib.import_module(f"{READY_MADE}.{name}").__doc__ or ""
    return text.strip().partition("\n")[0]


def _made(name: str, get: Callable[[], Any], arguments: Mapping[str, Any]) -> Config:
    try:
        given = get()
        if callable(given):
            given = _called(name, given, arguments)
        elif arguments:
            raise _takes_none(name, arguments)
    except UnknownArgument:
        raise
    except ConfigurationError as error:
        raise _told(name, error) from error
    except Exception as error:  # code of the user's, or of a plugin; they need to know which, and what it said
        raise ConfigurationError(f"{name} cannot be had: {type(error).__name__}: {error}") from error
    if not isinstance(given, Config):
        raise ConfigurationError(name, given, "a Config, or a function that returns one")
    return given


def _called(name: str, make: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    import inspect

    try:
        taken = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):  # of a function written in C, which says itself what it does not take
        return make(**arguments)
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken):
        by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        known = [parameter.name for parameter in taken if parameter.kind in by_name]
        for argument in arguments:
            if argument not in known:
                raise UnknownArgument(name, argument, known)
    return make(**arguments)


def _takes_none(name: str, arguments: Mapping[str, Any]) -> ConfigurationError:
    return ConfigurationError(
        f"{name} takes no arguments, and was given {', '.join(arguments)}.", hint="write a function fresh_config."
    )


def _told(name: str, error: ConfigurationError) -> ConfigurationError:
    """An error with the name of the configuration that it is about."""
    said = str(error.args[0] if error.args else error)
    return ConfigurationError(said if name in said else f"{name}: {said}", hint=error.hint)
