"""Ready-made configurations: one small module for each machine, to load by its name or to copy from.

Each module has a function ``fresh_config`` that makes a new configuration from values of yours, and ``config``, which
is made of what the environment says when it is first asked for. Neither touches anything. Where a machine needs
something that is each user's own, and nobody has said it, there is a mark (:mod:`parsl_like.core.missing`); a run is
refused then, naming what has to be said.

The modules have these arguments in common, as far as the machine has a use for them:

- ``account``: whom jobs are charged to; else ``PARSL_LIKE_ACCOUNT``.
- ``partition``, ``queue`` or ``qos``: the one that jobs go to; else ``PARSL_LIKE_PARTITION``, ``PARSL_LIKE_QUEUE``,
  ``PARSL_LIKE_QOS``; else the one that the machine's guide has for ordinary jobs.
- ``worker_init``: shell text that a block begins with; else ``PARSL_LIKE_WORKER_INIT``; else what the machine needs.
- ``walltime``: how long a block may run, as ``"[days-]hours:minutes:seconds"``.
- ``nodes_per_block``: nodes of each block.
- ``max_blocks``: never more blocks than this.
- ``channel``: the way to where the batch system is; None if the program runs there.
- ``gpus``: whether blocks are to have nodes with GPUs, and a worker for each GPU.

Everything else is a field of what is made: ``config.executors[0].provider.min_blocks = 1``.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from parsl_like.core.missing import missing_mark, variable_of
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsl_like.config import Config


# --- for those who want a configuration --------------------------------------------------------------------------


def names() -> list[str]:
    """The names of all ready-made configurations, in the order of the alphabet."""
    import pkgutil

    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def site_config(name: str, /, **values: Any) -> Config:
    """A new configuration for a machine.

    Args:
        name: One of :func:`names`.
        **values: Arguments of that module's ``fresh_config``.

    Raises:
        ConfigurationError: there is no such machine, or it has no such argument; the nearest name is told.
    """
    import importlib
    import inspect

    if name not in names():
        raise ConfigurationError("The machine", name, f"one of {', '.join(names())}", hint=_nearest(name, names()))
    make = importlib.import_module(f"{__name__}.{name}").fresh_config
    known = list(inspect.signature(make).parameters)
    for value in values:
        if value not in known:
            hint = _nearest(value, known) or f"it has {', '.join(known) or 'none'}."
            raise ConfigurationError(f"The configuration of {name} has no value {value!r}.", hint=hint)
    made: Config = make(**values)
    return made


# --- for the modules of machines ---------------------------------------------------------------------------------


def own(name: str, given: str | None) -> str:
    """A value that is each user's own and that the machine cannot do without.

    Args:
        name: What it is called, in small letters.
        given: What ``fresh_config`` was given.

    Returns:
        That; else what the environment says; else a mark.
    """
    return choice(name, given, "") or missing_mark(name)


def choice(name: str, given: str | None, usual: str) -> str:
    """A value for which there is something usual.

    Args:
        name: What it is called, in small letters.
        given: What ``fresh_config`` was given.
        usual: What to take if nobody has said anything.

    Returns:
        What was given; else what the environment says, if that is not empty; else the usual.
    """
    return os.environ.get(variable_of(name), "") or usual if given is None else given


def made_when_asked(module: str, make: Callable[[], Config]) -> Callable[[str], object]:
    """A ``__getattr__`` for the module of a machine, which makes its ``config`` when it is first asked for (PEP 562).

    Args:
        module: The module's ``__name__``.
        make: Its ``fresh_config``.
    """

    def attribute(name: str) -> object:
        if name != "config":
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return vars(sys.modules[module]).setdefault("config", make())

    return attribute


def _nearest(name: str, known: list[str]) -> str | None:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else None
