# mypy: disable-error-code="empty-body"
"""Every hook, and so the manual for those who write a plugin.

A plugin is a module (or an object) with functions that are named as below and marked by
:data:`parsl_like.plugins.hookimpl`. A distribution declares it in the entry-point group ``parsl_like``::

    entry_points={"parsl_like": ["my_cluster = my_package.my_module"]}

An implementation leaves out the arguments
it does not need. Plugins are asked from the last registered to the first: those a program brought, those of
distributions, then the built-in ones; so a plugin can take over what a built-in one does.

Hooks are called while a run opens or closes, or when a command asks, never once per task. The calling thread is the one
that opens the run, and may not be the main thread. A plugin that cannot be imported, or that does not fit these
hooks, is reported with its distribution and left out; ``parsl-like plugins`` shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

from parsl_like.plugins.markers import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsl_like.channels.base import Channel
    from parsl_like.core.ports import (
        BlockContext,
        ChannelSession,
        ExecutorSession,
        MonitoringSink,
        ProviderSession,
        RunContext,
        RunInfo,
        RunSummary,
    )
    from parsl_like.executors.base import ParslExecutor
    from parsl_like.launchers.base import Launcher
    from parsl_like.providers.base import ExecutionProvider

hookspec = pluggy.HookspecMarker(PROJECT)


# --- names: what exists. Each is asked once in the life of a manager; the answers are merged into one plain mapping.


@hookspec
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The providers a plugin brings, by name; for listings, documents and ``load("auto")``.

    Returns:
        Names, by convention those of the classes, and the classes of the descriptions. Importing and building them
        touches nothing.

    Raises:
        PluginError: from the manager, if another plugin has the name, or this one raised or did not give a mapping.
    """


@hookspec
def parsl_like_launcher_types() -> Mapping[str, type[Launcher]]:
    """The launchers a plugin brings, by name, as for :func:`parsl_like_provider_types`.

    A launcher needs no session: ``wrap(command, tasks_per_node, nodes_per_block)`` is a pure function to a string.
    """


@hookspec
def parsl_like_channel_types() -> Mapping[str, type[Channel]]:
    """The channels a plugin brings, by name, as for :func:`parsl_like_provider_types`."""


@hookspec
def parsl_like_executor_types() -> Mapping[str, type[ParslExecutor]]:
    """The executors a plugin brings, by name, as for :func:`parsl_like_provider_types`."""


@hookspec
def parsl_like_scaling_policies() -> Mapping[str, Callable[..., Any]]:
    """The policies that ``Config(strategy=...)`` may name.

    Returns:
        Names and pure functions ``policy(limits, load, *, live_blocks, now, max_idle, idle_since) -> Decision`` of
        the types in ``parsl_like.core.limits``; times are monotonic seconds. A policy is called by the jobs thread once
        per period and executor, never waits, and gives its reason.

    Raises:
        PluginError: from the manager, if another plugin has the name.
    """


@hookspec
def parsl_like_default_staging() -> Sequence[Any]:
    """Staging descriptions for executors that have no ``storage_access`` of their own.

    Returns:
        Instances, tried for each file in this order; those of all plugins are put one after another, in the order in
        which plugins are asked.
    """


@hookspec
def parsl_like_memo_hashers() -> Mapping[type, Callable[[Any, bool], bytes]]:
    """How to make bytes from arguments of a type, so that a call can be remembered.

    Returns:
        Types and functions ``hasher(value, output_ref) -> bytes``: equal values give equal bytes in every process;
        ``output_ref`` is True for a value in ``outputs``, where the place counts and not what is there. An error
        raised by one fails the task whose argument it was given.

    Raises:
        PluginError: from the manager, if another plugin has the type.
    """


@hookspec
def parsl_like_cli_commands() -> Mapping[str, Any]:
    """Commands a plugin adds to ``parsl-like``.

    Asked only when a command is named that does not come with the package, and by ``parsl-like plugins``.

    Returns:
        Names and click commands, or "package.module:attribute" strings that lead to them. The package's own commands
        cannot be replaced.

    Raises:
        PluginError: from the manager, if another plugin has the name.
    """


@hookspec
def parsl_like_dashboard_pages() -> Mapping[str, Callable[[str], Mapping[str, Any]]]:
    """Pages a plugin adds to the dashboard.

    Returns:
        The last part of the page's address, and a function from the path of a run directory to plain data (what JSON
        can say) that the dashboard shows. It is called for each view of the page, in a thread of the dashboard.

    Raises:
        PluginError: from the manager, if another plugin has the name.
    """


@hookspec
def parsl_like_site_configs() -> Mapping[str, Callable[[], Any]]:
    """Ready-made configurations of sites.

    Returns:
        Names of sites, and functions without arguments that give a new ``Config`` and touch nothing.

    Raises:
        PluginError: from the manager, if another plugin has the name.
    """


# --- opening: descriptions become sessions.


@hookspec(firstresult=True)
def parsl_like_open_executor(description: ParslExecutor, context: RunContext) -> ExecutorSession | None:
    """Start the executor that a description wants; called once for each executor of a run.

    Args:
        description: The sealed description. Take it only if it is an instance of a class of yours.
        context: The run, the executor's label and directory, and how to wake the kernel and leave records.

    Returns:
        A running session, or None if the description belongs to somebody else. The first answer counts; the manager
        refuses one that is not an ``ExecutorSession``.

    Raises:
        ExecutorError: if it cannot be started; like any error raised here it ends ``load``, after what was opened
            before has been closed.
        ConfigurationError: from the manager, if no plugin takes the description.
    """


@hookspec(firstresult=True)
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """Get ready to submit blocks; called once for each executor that has a provider.

    Args:
        description: The sealed description. Take it only if it is an instance of a class of yours.
        context: The run, the executor's label and the directory of the submit scripts.

    Returns:
        A session, used by one thread at a time, or None. It remembers nothing that the batch system or a file does
        not know.

    Raises:
        ExecutionProviderException: if it cannot work here at all; ends ``load``.
        ConfigurationError: from the manager, if no plugin takes the description.
    """


@hookspec(firstresult=True)
def parsl_like_open_channel(description: Channel, context: BlockContext) -> ChannelSession | None:
    """Connect to where the batch system is; called when a provider's session is opened.

    Args:
        description: The sealed description. Take it only if it is an instance of a class of yours.
        context: The one of the provider.

    Returns:
        A session, or None.

    Raises:
        ChannelError: if there is no way there; ends ``load``.
        ConfigurationError: from the manager, if no plugin takes the description.
    """


@hookspec
def parsl_like_open_monitoring_sink(description: Any | None, run: RunInfo) -> MonitoringSink | None:
    """A place for the records of a run; every plugin is asked, once per run.

    Args:
        description: The sealed ``Config(monitoring=...)``, None if there is no monitoring.
        run: The run. Its directory exists.

    Returns:
        A sink, or None. It is called by one thread, in batches; a batch that it refused by raising may be given to
        it again.

    Raises:
        Exception: any error. It ends ``load`` as MonitoringError if monitoring was asked for, and is a warning
            otherwise.
    """


# --- news of a run.


@hookspec
def parsl_like_run_started(run: RunInfo) -> None:
    """A run is open and takes tasks. An error raised here is a warning and reaches nobody else."""


@hookspec
def parsl_like_run_finished(run: RunInfo, summary: RunSummary) -> None:
    """A run is closed: no task is left, every sink has its records. An error raised here is a warning."""
