"""The launchers, at Parsl's path of their module."""

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
