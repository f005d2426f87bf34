"""Launchers: how a block's command is started on the block's nodes. Each is one file; names are resolved when used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.launchers.aprun import AprunLauncher
    from parsl_like.launchers.base import Launcher
    from parsl_like.launchers.gnu_parallel import GnuParallelLauncher
    from parsl_like.launchers.jsrun import JsrunLauncher
    from parsl_like.launchers.mpiexec import MpiExecLauncher
    from parsl_like.launchers.mpirun import MpiRunLauncher
    from parsl_like.launchers.simple import SimpleLauncher
    from parsl_like.launchers.single_node import SingleNodeLauncher
    from parsl_like.launchers.srun import SrunLauncher
    from parsl_like.launchers.srun_mpi import SrunMPILauncher
    from parsl_like.launchers.wrapped import WrappedLauncher

__all__ = [
    "AprunLauncher",
    "GnuParallelLauncher",
    "JsrunLauncher",
    "Launcher",
    "MpiExecLauncher",
    "MpiRunLauncher",
    "SimpleLauncher",
    "SingleNodeLauncher",
    "SrunLauncher",
    "SrunMPILauncher",
    "WrappedLauncher",
]

_HOMES: Final = {
    "AprunLauncher": "parsl_like.launchers.aprun",
    "GnuParallelLauncher": "parsl_like.launchers.gnu_parallel",
    "JsrunLauncher": "parsl_like.launchers.jsrun",
    "Launcher": "parsl_like.launchers.base",
    "MpiExecLauncher": "parsl_like.launchers.mpiexec",
    "MpiRunLauncher": "parsl_like.launchers.mpirun",
    "SimpleLauncher": "parsl_like.launchers.simple",
    "SingleNodeLauncher": "parsl_like.launchers.single_node",
    "SrunLauncher": "parsl_like.launchers.srun",
    "SrunMPILauncher": "parsl_like.launchers.srun_mpi",
    "WrappedLauncher": "parsl_like.launchers.wrapped",
}


@hookimpl
def parsl_like_launcher_types() -> Mapping[str, type[Launcher]]:
    """Every launcher of this package, by the name of its class."""
    return {name: getattr(importlib.import_module(home), name) for name, home in _HOMES.items() if name != "Launcher"}


if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
