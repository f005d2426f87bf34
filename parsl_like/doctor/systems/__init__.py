"""Batch systems as the doctor asks them, found by the class of a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from parsl_like.doctor.systems.lists import cobalt, condor, grid_engine, lsf
from parsl_like.doctor.systems.pbs import pbs
from parsl_like.doctor.systems.slurm import slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.doctor.systems.base import BatchSystem

SYSTEMS: Final[Mapping[str, Callable[[Any], BatchSystem]]] = {
    "SlurmProvider": lambda provider: slurm(provider.clusters),
    "PBSProProvider": lambda _: pbs("PBS"),
    "TorqueProvider": lambda _: pbs("Torque"),
    "GridEngineProvider": lambda _: grid_engine(),
    "LSFProvider": lambda _: lsf(),
    "CobaltProvider": lambda _: cobalt(),
    "CondorProvider": lambda _: condor(),
}


def system_of(provider: object) -> BatchSystem | None:
    """The batch system of a provider, None if nothing is known of it beyond its commands."""
    for cls in type(provider).__mro__:
        if cls.__module__.startswith("parsl_like.") and cls.__name__ in SYSTEMS:
            return SYSTEMS[cls.__name__](provider)
    return None
