"""What a run, or a command, asks of the plugins."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from parsl_like.core.ports import ChannelSession, ExecutorSession, MonitoringSink, ProviderSession
from parsl_like.errors import ConfigurationError, MonitoringError, PluginError
from parsl_like.plugins.markers import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from parsl_like.core.ports import BlockContext, RunContext, RunInfo, RunSummary
    from parsl_like.plugins.registry import PluginInfo, Registry

S = TypeVar("S")

logger = logging.getLogger(__name__)


class PluginManager:
    """Knows every plugin and asks them. Making one costs nothing; the first question finds and registers them.

    Answers about names are merged once and kept, so two plugins that claim a name are a PluginError whenever that
    name's mapping is asked for.

    Args:
        extra: Plugins that this program brings along, asked before all others.
        entry_points: Whether to look for those that installed distributions declare.
    """

    def __init__(self, extra: Iterable[object] = (), *, entry_points: bool = True) -> None:
        self._extra = tuple(extra)
        self._entry_points = entry_points
        self._names: dict[str, Mapping[Any, Any]] = {}

    @cached_property
    def _registry(self) -> Registry:
        from parsl_like.plugins.registry import Registry  # loads pluggy

        registry = Registry()
        registry.gather(self._extra, entry_points=self._entry_points)
        return registry

    def plugins(self) -> list[PluginInfo]:
        """Every plugin in the order of registration, also those left out; imports the built-in ones to be sure."""
        from parsl_like.plugins.registry import builtins_found

        return [*builtins_found(), *self._registry.found]

    # --- descriptions become sessions

    def open_executor(self, description: Any, context: RunContext) -> ExecutorSession:
        """The running session of an executor's description.

        Raises:
            ConfigurationError: no plugin takes the description.
            PluginError: what a plugin gave is not a session.
            Exception: whatever the plugin that takes it raises.
        """
        return self._opened("open_executor", ExecutorSession, description, context)  # type: ignore[type-abstract]

    def open_provider(self, description: Any, context: BlockContext) -> ProviderSession:
        """The session of a provider's description; raises as :meth:`open_executor` does."""
        return self._opened("open_provider", ProviderSession, description, context)  # type: ignore[type-abstract]

    def open_channel(self, description: Any, context: BlockContext) -> ChannelSession:
        """The session of a channel's description; raises as :meth:`open_executor` does."""
        return self._opened("open_channel", ChannelSession, description, context)  # type: ignore[type-abstract]

    def open_sinks(self, description: Any | None, run: RunInfo) -> list[MonitoringSink]:
        """The places for a run's records.

        Args:
            description: The sealed ``Config(monitoring=...)``, or None.
            run: The run, whose directory exists.

        Raises:
            MonitoringError: monitoring was asked for and a sink cannot be opened; the others are closed again.
        """
        sinks: list[MonitoringSink] = []
        for plugin, ask in self._each("open_monitoring_sink"):
            try:
                for sink in ask(description=description, run=run):
                    sinks.append(_checked(sink, MonitoringSink, "open_monitoring_sink", plugin))  # type: ignore[type-abstract]
            except Exception as error:  # a plugin's own code; only who asked for monitoring depends on it
                text = f"Plugin {plugin} cannot open its place for the records of {run.run_dir}: {error!r}."
                if description is None:
                    logger.warning("%s The run goes on without it.", text)
                    continue
                for opened in sinks:
                    _close(opened)
                raise MonitoringError(text) from error
        return sinks

    def _opened(self, hook: str, protocol: type[S], description: Any, context: Any) -> S:
        ask = getattr(self._registry.pluggy.hook, f"{PROJECT}_{hook}")
        session = ask(description=description, context=context)
        kind = type(description)
        if session is None:
            asked = ", ".join(dict.fromkeys(plugin for plugin, _ in self._each(hook)))
            left_out = "".join(f"; left out: {i.name}, {i.failure}" for i in self._registry.found if i.failure)
            raise ConfigurationError(
                f"No plugin opens {kind.__module__}.{kind.__qualname__} (executor {context.label}) as "
                f"{hook.removeprefix('open_')}; asked: {asked}{left_out}.",
                hint="give an object of the right kind, or install the plugin that brings this one.",
            )
        return _checked(session, protocol, hook, f"the plugin of {kind.__module__}.{kind.__qualname__}")

    # --- news

    def run_started(self, run: RunInfo) -> None:
        """Tell every plugin that a run is open; one that raises is warned about."""
        self._tell("run_started", run=run)

    def run_finished(self, run: RunInfo, summary: RunSummary) -> None:
        """Tell every plugin how a run went; one that raises is warned about."""
        self._tell("run_finished", run=run, summary=summary)

    def _tell(self, hook: str, **news: Any) -> None:
        for plugin, tell in self._each(hook):
            try:
                tell(**news)
            except Exception as error:  # a plugin's own code: the run does not depend on who hears of it
                logger.warning("Plugin %s failed in %s_%s: %r", plugin, PROJECT, hook, error, exc_info=error)

    # --- names

    @property
    def provider_types(self) -> Mapping[str, type]:
        """Providers by name."""
        return self._named("provider_types")

    @property
    def launcher_types(self) -> Mapping[str, type]:
        """Launchers by name."""
        return self._named("launcher_types")

    @property
    def channel_types(self) -> Mapping[str, type]:
        """Channels by name."""
        return self._named("channel_types")

    @property
    def executor_types(self) -> Mapping[str, type]:
        """Executors by name."""
        return self._named("executor_types")

    @property
    def scaling_policies(self) -> Mapping[str, Any]:
        """Policies that ``Config(strategy=...)`` may name."""
        return self._named("scaling_policies")

    @property
    def memo_hashers(self) -> Mapping[type, Any]:
        """Hashers by the type of argument."""
        return self._named("memo_hashers")

    @property
    def cli_commands(self) -> Mapping[str, Any]:
        """Commands of plugins, or where they are, by name."""
        return self._named("cli_commands")

    @property
    def dashboard_pages(self) -> Mapping[str, Any]:
        """Pages of plugins by the last part of their address."""
        return self._named("dashboard_pages")

    @property
    def site_configs(self) -> Mapping[str, Any]:
        """Functions that give the configuration of a site, by its name."""
        return self._named("site_configs")

    @cached_property
    def default_staging(self) -> tuple[Any, ...]:
        """Staging descriptions in the order in which they are tried."""
        return tuple(s for _, answer in self._answers("default_staging", (list, tuple)) for s in answer)

    def _named(self, hook: str) -> Mapping[Any, Any]:
        if hook not in self._names:
            merged: dict[Any, Any] = {}
            owners: dict[Any, str] = {}
            for plugin, answer in self._answers(hook, Mapping):
                for name in answer:
                    if name in owners:
                        raise PluginError(str(name), owners[name], plugin)
                    owners[name] = plugin
                merged.update(answer)
            self._names[hook] = merged
        return self._names[hook]

    def _answers(self, hook: str, wanted: type | tuple[type, ...]) -> Iterator[tuple[str, Any]]:
        for plugin, ask in self._each(hook):
            try:
                answers = ask()
            except PluginError:
                raise
            except Exception as error:  # a plugin's own code; the error has to name it
                raise PluginError(f"{PROJECT}_{hook}", plugin, repr(error)) from error
            for answer in answers:
                if not isinstance(answer, wanted):
                    raise PluginError(f"{PROJECT}_{hook}", plugin, f"it answered {answer!r}")
                yield plugin, answer

    def _each(self, hook: str) -> Iterator[tuple[str, Any]]:
        """The plugins that implement a hook in the order in which they are asked, with a way to ask each alone."""
        registry = self._registry.pluggy
        name = f"{PROJECT}_{hook}"
        implementations = list(reversed(getattr(registry.hook, name).get_hookimpls()))
        for implementation in implementations:
            others = {other.plugin for other in implementations} - {implementation.plugin}
            yield implementation.plugin_name, registry.subset_hook_caller(name, others)


def _close(sink: MonitoringSink) -> None:
    try:
        sink.close()
    except Exception as error:  # a plugin's own code; another error is about to be told, and other sinks to be closed
        logger.warning("%s cannot be closed: %r", type(sink).__name__, error, exc_info=error)


def _checked(session: object, protocol: type[S], hook: str, plugin: str) -> S:
    if isinstance(session, protocol):
        return session
    wanted = {name for name in dir(protocol) if not name.startswith("_")} | set(protocol.__annotations__)
    missing = ", ".join(sorted(name for name in wanted if not hasattr(session, name)))
    what = f"it gave a {type(session).__qualname__}, which is no {protocol.__name__}: it has no {missing}"
    raise PluginError(f"{PROJECT}_{hook}", plugin, what)
