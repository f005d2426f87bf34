"""The plugins that come with the package: names of modules, imported when a question is for them.

They are registered before all others under ``builtin:<name>`` and asked last, from the end of the list to its start.
What is registered is a stand-in for the module, so that a run on threads never loads what worker processes need.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from dataclasses import dataclass
from typing import Any

from parsl_like.errors import PluginError
from parsl_like.plugins import hookspecs
from parsl_like.plugins.markers import PROJECT, hookimpl


@dataclass(frozen=True, slots=True)
class Builtin:
    """One plugin of the package.

    Attributes:
        name: Registered as ``builtin:<name>``.
        module: The module with the marked functions.
        hooks: Their names without the project's prefix; a test compares them with the module.
        home: It is asked to open only what is an instance of a class from this package or module; empty: anything.
    """

    name: str
    module: str
    hooks: tuple[str, ...]
    home: str = ""

    @property
    def plugin_name(self) -> str:
        """The name it is registered under."""
        return f"builtin:{self.name}"


BUILTINS: tuple[Builtin, ...] = (
    Builtin(
        "threads",
        "parsl_like.executors.threads",
        ("executor_types", "open_executor"),
        home="parsl_like.executors.threads",
    ),
    Builtin(
        "high_throughput",
        "parsl_like.executors.high_throughput.session",
        ("executor_types", "open_executor"),
        home="parsl_like.executors.high_throughput",
    ),
    # After the executors, so asked before them: what overrides a method of theirs is called as it is written.
    Builtin("legacy_executors", "parsl_like.executors.legacy", ("open_executor",)),
    Builtin(
        "local_provider",
        "parsl_like.providers.local",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.local",
    ),
    Builtin(
        "slurm_provider",
        "parsl_like.providers.slurm.slurm",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.slurm",
    ),
    Builtin(
        "pbspro_provider",
        "parsl_like.providers.pbspro.pbspro",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.pbspro",
    ),
    Builtin(
        "torque_provider",
        "parsl_like.providers.torque.torque",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.torque",
    ),
    Builtin(
        "grid_engine_provider",
        "parsl_like.providers.grid_engine.grid_engine",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.grid_engine",
    ),
    Builtin(
        "lsf_provider",
        "parsl_like.providers.lsf.lsf",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.lsf",
    ),
    Builtin(
        "cobalt_provider",
        "parsl_like.providers.cobalt.cobalt",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.cobalt",
    ),
    Builtin(
        "condor_provider",
        "parsl_like.providers.condor.condor",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.condor",
    ),
    Builtin(
        "ad_hoc_provider",
        "parsl_like.providers.ad_hoc.ad_hoc",
        ("open_provider", "provider_types"),
        home="parsl_like.providers.ad_hoc",
    ),
    Builtin("legacy_providers", "parsl_like.providers.legacy", ("open_provider",)),
    Builtin(
        "local_channel",
        "parsl_like.channels.local",
        ("channel_types", "open_channel"),
        home="parsl_like.channels.local",
    ),
    Builtin(
        "ssh_channel",
        "parsl_like.channels.ssh.ssh",
        ("channel_types", "open_channel"),
        home="parsl_like.channels.ssh",
    ),
    Builtin(
        "openssh_channel",
        "parsl_like.channels.openssh",
        ("channel_types", "open_channel"),
        home="parsl_like.channels.openssh",
    ),
    # After the one that they derive from, so asked before it.
    Builtin(
        "interactive_login_channel",
        "parsl_like.channels.ssh_il",
        ("channel_types", "open_channel"),
        home="parsl_like.channels.ssh_il",
    ),
    Builtin(
        "oauth_ssh_channel",
        "parsl_like.channels.oauth_ssh",
        ("channel_types", "open_channel"),
        home="parsl_like.channels.oauth_ssh",
    ),
    Builtin("launchers", "parsl_like.launchers", ("launcher_types",)),
    Builtin("staging", "parsl_like.data_provider.defaults", ("default_staging",)),
    Builtin("policies", "parsl_like.jobs.policies", ("scaling_policies",)),
    Builtin("jsonl", "parsl_like.monitoring.sinks.jsonl", ("open_monitoring_sink",)),
)


class StandIn:
    """Has a built-in module's hooks, and imports the module when one of them is called."""

    def __init__(self, builtin: Builtin) -> None:
        self.builtin = builtin
        for short in builtin.hooks:
            name = f"{PROJECT}_{short}"
            setattr(self, name, hookimpl(self._standing_in_for(name)))

    def _standing_in_for(self, hook: str) -> Any:
        spec = getattr(hookspecs, hook)
        arguments = tuple(inspect.signature(spec).parameters)

        @functools.wraps(spec)  # pluggy reads the arguments' names from what is wrapped
        def ask(*values: Any) -> Any:
            if self.builtin.home and "description" in arguments and not _comes_from(values[0], self.builtin.home):
                return None
            implementation = implementation_of(self.builtin, hook)
            given = dict(zip(arguments, values, strict=True))
            return implementation(**{name: given[name] for name in inspect.signature(implementation).parameters})

        return ask


def implementation_of(builtin: Builtin, hook: str) -> Any:
    """The marked function of a built-in's module.

    Raises:
        PluginError: the module cannot be imported, or has no such function; the package itself is damaged then.
    """
    try:
        module = importlib.import_module(builtin.module)
    except Exception as error:  # an import runs whatever the module holds; the cause stays attached
        reason = f"{builtin.module} cannot be imported ({type(error).__name__}: {error})"
        raise PluginError(hook, builtin.plugin_name, reason) from error
    function = getattr(module, hook, None)
    if not hasattr(function, f"{PROJECT}_impl"):
        raise PluginError(hook, builtin.plugin_name, f"{builtin.module} does not implement it")
    return function


def _comes_from(description: object, home: str) -> bool:
    return any(f"{cls.__module__}.".startswith(f"{home}.") for cls in type(description).__mro__)
