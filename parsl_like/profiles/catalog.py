"""Classes of descriptions by the names that profiles call them by.

Those of this package have the names of their classes; those of plugins, the names under which plugins bring them; all
others are called ``module:Class``.
"""

from __future__ import annotations

import importlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError
from parsl_like.profiles.nodes import nearest
from parsl_like.profiles.references import reference_to, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGES: Final = tuple(
    f"parsl_like.{name}" for name in ("executors", "providers", "launchers", "channels", "monitoring")
)
"""Packages whose public names are classes of descriptions."""

_BASES: Final = frozenset({"Channel", "ExecutionProvider", "Launcher"})

_HOMES: Final = {
    "BasicMemoizer": "parsl_like.dataflow.memoization",
    "BlockIdManagerSelector": "parsl_like.executors.high_throughput.manager_selector",
    "Config": "parsl_like.config",
    "Controller": "parsl_like.executors.ipp_controller",
    "FTPInTaskStaging": "parsl_like.data_provider.ftp",
    "FTPSeparateTaskStaging": "parsl_like.data_provider.ftp",
    "FileLogging": "parsl_like.logconfigs.file",
    "FilesystemRadio": "parsl_like.monitoring.radios.filesystem",
    "FsspecStaging": "parsl_like.data_provider.fsspec",
    "GlobusStaging": "parsl_like.data_provider.globus",
    "HTEXRadio": "parsl_like.monitoring.radios.htex",
    "HTTPInTaskStaging": "parsl_like.data_provider.http",
    "HTTPSeparateTaskStaging": "parsl_like.data_provider.http",
    "JSONLogging": "parsl_like.logconfigs.json",
    "MultiprocessingQueueRadio": "parsl_like.monitoring.radios.multiprocessing",
    "NoOpFileStaging": "parsl_like.data_provider.file_noop",
    "NoopLogging": "parsl_like.logconfigs.noop",
    "RSyncStaging": "parsl_like.data_provider.rsync",
    "RandomManagerSelector": "parsl_like.executors.high_throughput.manager_selector",
    "SFTPInTaskStaging": "parsl_like.data_provider.sftp",
    "SFTPSeparateTaskStaging": "parsl_like.data_provider.sftp",
    "TaskVineFactoryConfig": "parsl_like.executors.taskvine.factory_config",
    "TaskVineManagerConfig": "parsl_like.executors.taskvine.manager_config",
    "UDPRadio": "parsl_like.monitoring.radios.udp",
    "ZipFileStaging": "parsl_like.data_provider.zip",
}


class Catalog:
    """Names and classes; making one loads nothing, and plugins are asked only for what this package does not have."""

    def type_named(self, name: str) -> type:
        """The class of a name.

        Raises:
            ConfigurationError: there is none so called; names the nearest one.
            PluginError: two plugins bring it.
        """
        if ":" in name:
            found = resolved(name)
            if not isinstance(found, type):
                raise ConfigurationError(f"{name!r} is no class.")
            return found
        home = _HOMES.get(name) or self._own.get(name)
        if home is not None:
            own: type = getattr(importlib.import_module(home), name)
            return own
        if name in self._brought:
            return self._brought[name]
        raise ConfigurationError(
            f"There is no type {name!r}.", hint=nearest(name, {*_HOMES, *self._own, *self._brought} - {"Config"})
        )

    def name_of(self, kind: type) -> str | None:
        """The name of a class; None if there is no way to find it again."""
        name: str = kind.__name__
        home = _HOMES.get(name) or self._own.get(name)
        if home is not None and getattr(importlib.import_module(home), name) is kind:
            return name
        for known, brought in self._brought.items():
            if brought is kind:
                return known
        return reference_to(kind)

    @cached_property
    def _own(self) -> Mapping[str, str]:
        """The packages in which public names of this one are."""
        return {
            name: package
            for package in _PACKAGES
            for name in importlib.import_module(package).__all__
            if name not in _BASES
        }

    @cached_property
    def _brought(self) -> Mapping[str, type]:
        from parsl_like.plugins.manager import PluginManager

        plugins: Any = PluginManager()
        hooks = ("executor_types", "provider_types", "launcher_types", "channel_types")
        return {name: kind for hook in hooks for name, kind in getattr(plugins, hook).items()}
