"""The RADICAL-Pilot executor as a user describes it. Building one touches nothing."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from parsl_like.core.fields import expect_word, own_containers
from parsl_like.core.unbuilt import Unbuilt
from parsl_like.executors.base import ParslExecutor

if TYPE_CHECKING:
    import os

T = TypeVar("T")


def _gathering(name: str) -> Callable[[type[T]], type[T]]:
    """A decorator for a dataclass: arguments that it does not have become items of its field ``name``."""

    def decorate(cls: type[T]) -> type[T]:
        build: Callable[..., None] = cls.__init__
        known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]

        @functools.wraps(build)
        def built(self: T, *args: Any, **kwargs: Any) -> None:
            others = {word: kwargs.pop(word) for word in list(kwargs) if word not in known}
            if others:
                kwargs[name] = {**(kwargs.get(name) or {}), **others}
            build(self, *args, **kwargs)

        type.__setattr__(cls, "__init__", built)
        return cls

    return decorate


@_gathering("rpex_pilot_kwargs")
@dataclass
class RadicalPilotExecutor(Unbuilt, ParslExecutor):
    """Describes tasks, also of several processes, in an allocation that RADICAL-Pilot gets.

    Arguments that it does not have describe the pilot (``cores=4``, ``runtime=30``, ...). A run with one is refused:
    this version has no part that talks to RADICAL-Pilot.
    """

    missing: ClassVar[str] = "talk to RADICAL-Pilot (package radical.pilot)"
    meanwhile: ClassVar[str] = "use HighThroughputExecutor with the provider of your batch system."

    resource: str = field(metadata={"help": "The machine, by RADICAL-Pilot's name of it: local.localhost, ..."})
    label: str = field(default="RPEX", metadata={"help": "The executor's name, unique within a Config."})
    bulk_mode: bool = field(default=False, metadata={"help": "Whether tasks are handed over in bulks."})
    working_dir: str | os.PathLike[str] | None = field(
        default=None, metadata={"help": "Where tasks' files are put; None for the run directory."}
    )
    rpex_cfg: Any = field(default=None, metadata={"help": "How the allocation is divided; None for one worker."})
    _: KW_ONLY
    rpex_pilot_kwargs: Mapping[str, Any] = field(
        default_factory=dict, metadata={"help": "What describes the pilot: cores, gpus, runtime, access_schema, ..."}
    )

    resource_keys: ClassVar[frozenset[str]] = frozenset(
        {"ranks", "cores_per_rank", "gpus_per_rank", "threading_type", "gpu_type", "mode", "priority"}
    )

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without touching the world.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_word(self, "resource")
