"""Whether a configuration can be meant, as far as that can be seen without touching the world."""

from __future__ import annotations

from dataclasses import dataclass

from parsl_like.cli.configurations import found_or_usual
from parsl_like.core.missing import missing_values
from parsl_like.core.unbuilt import unbuilt_parts
from parsl_like.errors import ConfigurationError, OptionalModuleMissing, PluginError


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a configuration.

    Attributes:
        name: Its name.
        origin: Where it is from; "" if it could not be had.
        error: Why it cannot be meant; None if it can.
        notes: What a run would refuse, though it can be meant.
    """

    name: str
    origin: str = ""
    error: str | None = None
    notes: tuple[str, ...] = ()


def checked(name: str | None) -> Verdict:
    """Make a configuration and look at it.

    Args:
        name: Its name; None for the one that programs get that name none.
    """
    shown = "load()" if name is None else name
    try:
        found = found_or_usual(name)
        if found is None:
            return Verdict(shown, "nobody has chosen one", notes=("a program gets two threads.",))
        sealed = found.config.sealed()
    except (ConfigurationError, OptionalModuleMissing, PluginError) as error:
        return Verdict(shown, error=str(error))
    notes = [str(value) for value in missing_values(sealed)]
    notes += [f"{type(p).__name__} is described only: this version cannot {p.missing}." for p in unbuilt_parts(sealed)]
    return Verdict(found.name if name is None else name, found.origin, notes=tuple(notes))
