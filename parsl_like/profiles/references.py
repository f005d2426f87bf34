"""Python objects by name: ``module:name``, and a name within a class as ``module:Class.name``."""

from __future__ import annotations

import enum
import importlib
import os
import re
import sys
from typing import Any, Final

from parsl_like.errors import ConfigurationError
from parsl_like.profiles.nodes import nearest

REFERENCE: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def resolved(name: str) -> Any:
    """The object of a name; its module is imported, and may be one of the current directory.

    Args:
        name: As in ``"package.module:function"``.

    Raises:
        ConfigurationError: it is no such name, the module cannot be imported, or has nothing so called.
    """
    if not REFERENCE.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name of a Python object.", hint="write it as 'package.module:name'.")
    module, _, attributes = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` has it
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:  # an import runs whatever the module holds
        raise ConfigurationError(
            f"The module of {name!r} cannot be imported: {type(error).__name__}: {error}.",
            hint="modules are looked for where Python looks, and in the current directory.",
        ) from error
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError as error:
            what = f"{name!r} cannot be had: AttributeError: {error}."
            raise ConfigurationError(what, hint=nearest(attribute, _public(found))) from error
    return found


def reference_to(value: Any) -> str | None:
    """The name by which a function, a class or a member of an enumeration is found again; None if there is none.

    Functions that were made inside others, lambdas, and what a script defines have none.
    """
    if isinstance(value, enum.Enum):
        kind = reference_to(type(value))
        return None if kind is None else f"{kind}.{value.name}"
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module in ("__main__", "<run_path>"):
        return None
    found: Any = sys.modules.get(module)
    for attribute in name.split("."):
        found = getattr(found, attribute, None)
    reference = f"{module}:{name}"
    return reference if found is value and REFERENCE.fullmatch(reference) else None


def _public(owner: Any) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]
