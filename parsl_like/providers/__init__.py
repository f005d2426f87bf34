"""Providers: where blocks of workers come from. Each is one module; names are resolved when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.providers.ad_hoc.ad_hoc import AdHocProvider
    from parsl_like.providers.aws.aws import AWSProvider
    from parsl_like.providers.azure.azure import AzureProvider
    from parsl_like.providers.base import ExecutionProvider
    from parsl_like.providers.cobalt.cobalt import CobaltProvider
    from parsl_like.providers.condor.condor import CondorProvider
    from parsl_like.providers.googlecloud.googlecloud import GoogleCloudProvider
    from parsl_like.providers.grid_engine.grid_engine import GridEngineProvider
    from parsl_like.providers.kubernetes.kube import KubernetesProvider
    from parsl_like.providers.local import LocalProvider
    from parsl_like.providers.lsf.lsf import LSFProvider
    from parsl_like.providers.pbspro.pbspro import PBSProProvider
    from parsl_like.providers.slurm.slurm import SlurmProvider
    from parsl_like.providers.torque.torque import TorqueProvider

__all__ = [
    "AWSProvider",
    "AdHocProvider",
    "AzureProvider",
    "CobaltProvider",
    "CondorProvider",
    "ExecutionProvider",
    "GoogleCloudProvider",
    "GridEngineProvider",
    "KubernetesProvider",
    "LSFProvider",
    "LocalProvider",
    "PBSProProvider",
    "SlurmProvider",
    "TorqueProvider",
]

_HOMES: Final = {
    "AWSProvider": "parsl_like.providers.aws.aws",
    "AdHocProvider": "parsl_like.providers.ad_hoc.ad_hoc",
    "AzureProvider": "parsl_like.providers.azure.azure",
    "CobaltProvider": "parsl_like.providers.cobalt.cobalt",
    "CondorProvider": "parsl_like.providers.condor.condor",
    "ExecutionProvider": "parsl_like.providers.base",
    "GoogleCloudProvider": "parsl_like.providers.googlecloud.googlecloud",
    "GridEngineProvider": "parsl_like.providers.grid_engine.grid_engine",
    "KubernetesProvider": "parsl_like.providers.kubernetes.kube",
    "LSFProvider": "parsl_like.providers.lsf.lsf",
    "LocalProvider": "parsl_like.providers.local",
    "PBSProProvider": "parsl_like.providers.pbspro.pbspro",
    "SlurmProvider": "parsl_like.providers.slurm.slurm",
    "TorqueProvider": "parsl_like.providers.torque.torque",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
