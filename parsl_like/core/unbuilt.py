"""Descriptions of what cannot run yet: they are built, compared, printed and sealed, and refused when a run starts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.description import Description
from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MACHINERY = ("open", "start", "submit", "stage_in", "stage_out", "replace_task", "replace_task_stage_out")
"""A subclass with one of these has machinery of its own and is not refused."""


class Unbuilt:
    """Says of a description's class that this version has no machinery for it; put before the other bases.

    Everything that touches nothing works as for any description. Whoever starts a run calls :func:`refuse_unbuilt`
    on what is sealed, before the first file or process; ``open`` refuses what was opened without that. The class that
    gets its machinery drops this base, and nothing else changes.

    Attributes:
        missing: What this version cannot do, as the end of a sentence: ``"start blocks with Slurm"``.
        meanwhile: What to use until it can, as an advice: ``"use LocalProvider inside a job of your own."``.
        refused_when_used: Whether a run may start with it, because most runs that have it never need it.
    """

    missing: ClassVar[str] = "run it"
    meanwhile: ClassVar[str] = "use HighThroughputExecutor with LocalProvider, or ThreadPoolExecutor."
    refused_when_used: ClassVar[bool] = False

    def open(self, *_: Any, **__: Any) -> Any:
        """Refuse.

        Raises:
            ConfigurationError: always, saying what is missing and what to use meanwhile.
        """
        raise refusal([self])


def is_unbuilt(description: object) -> bool:
    """Whether a description has neither machinery of this version nor of a user's subclass."""
    if not isinstance(description, Unbuilt):
        return False
    # What derives from the class that says "missing" is the user's own.
    users = itertools.takewhile(lambda cls: "missing" not in vars(cls), type(description).__mro__)
    return not any(name in vars(cls) for cls in users for name in MACHINERY)


def unbuilt_parts(whole: object) -> Iterator[Unbuilt]:
    """What is unbuilt in a description, outermost first, one of each class.

    Args:
        whole: A description, or a list, tuple, set or dict of some; in anything else nothing is looked for.
    """
    waiting, seen, told = [whole], set[int](), set[type]()
    while waiting:
        part = waiting.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Unbuilt) and is_unbuilt(part) and type(part) not in told:
            told.add(type(part))
            yield part
        waiting.extend(_parts_of(part))


def refuse_unbuilt(whole: object) -> None:
    """Refuse to start a run with something that this version only describes, unless that is refused when it is used.

    Args:
        whole: The sealed Config of a run, or the sealed description of one executor or provider.

    Raises:
        ConfigurationError: naming every such part, what is missing for it and what to use meanwhile.
    """
    parts = [part for part in unbuilt_parts(whole) if not part.refused_when_used]
    if parts:
        raise refusal(parts)


def refusal(parts: Sequence[Unbuilt]) -> ConfigurationError:
    """The error for parts that cannot run yet."""
    lacks = " ".join(f"{type(part).__name__} is described only: this version cannot {part.missing}." for part in parts)
    advice = " ".join(dict.fromkeys(part.meanwhile for part in parts))
    return ConfigurationError(f"{lacks} Nothing was started.", hint=advice)


def _parts_of(whole: object) -> list[object]:
    """Descriptions in the public attributes of one, or in a container; containers within containers are the user's."""
    if isinstance(whole, Description | Unbuilt):
        held = [value for name, value in vars(whole).items() if not name.startswith("_")]
        return [part for value in held for part in (_described(value) or [value])]
    return _described(whole)


def _described(container: object) -> list[object]:
    if isinstance(container, dict):
        container = list(container.values())
    if not isinstance(container, list | tuple | set | frozenset):
        return []
    return [item for item in container if isinstance(item, Description | Unbuilt)]
