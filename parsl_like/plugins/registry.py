"""Finding plugins and registering them: the built-in ones, then those of distributions, then those of the program."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from parsl_like.errors import PluginError
from parsl_like.plugins import hookspecs
from parsl_like.plugins.builtin import BUILTINS, StandIn, implementation_of
from parsl_like.plugins.entry_points import declared
from parsl_like.plugins.markers import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsl_like.plugins.builtin import Builtin
    from parsl_like.plugins.entry_points import Declared

PROGRAM = "this program"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What is known of one plugin.

    Attributes:
        name: ``builtin:<name>``, the name of the entry point, or ``extra:<name>``.
        origin: Where it is from: "parsl_like", a distribution with its version, or "this program".
        module: The module, or the class of the object, that it is.
        hooks: The hooks it implements.
        failure: Why it was left out; None if it was not.
    """

    name: str
    origin: str
    module: str
    hooks: tuple[str, ...] = ()
    failure: str | None = None


class Registry:
    """A pluggy manager and the list of what was registered with it, built-in plugins aside."""

    def __init__(self) -> None:
        self.pluggy = pluggy.PluginManager(PROJECT)
        self.found: list[PluginInfo] = []

    def gather(self, extra: Iterable[object], *, entry_points: bool) -> None:
        """Register everything there is.

        A distribution's plugin that cannot be imported or does not fit the hooks is a warning and an entry in
        ``found``, no error.

        Args:
            extra: Plugins of the program itself.
            entry_points: Whether to look at what distributions declare.

        Raises:
            PluginError: one of ``extra`` does not fit the hooks, or two of them have one name.
        """
        self.pluggy.add_hookspecs(hookspecs)
        for builtin in BUILTINS:
            self.pluggy.register(StandIn(builtin), name=builtin.plugin_name)
        for point in declared(PROJECT) if entry_points else ():
            self.found.append(self._of_distribution(point))
        for plugin in extra:
            self.found.append(self._registered(plugin, f"extra:{name_of(plugin)}", PROGRAM))

    def _of_distribution(self, point: Declared) -> PluginInfo:
        try:
            return self._registered(point.load(), point.name, point.distribution)
        except Exception as error:  # noqa: BLE001 - importing a plugin runs foreign code; runs without it go on
            failure = error.second if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        text = f"plugin {point.name!r} of {point.distribution} ({point.value}) is left out: {failure}"
        warnings.warn(text, RuntimeWarning, stacklevel=3)
        return PluginInfo(point.name, point.distribution, point.value, failure=failure)

    def _registered(self, plugin: Any, name: str, origin: str) -> PluginInfo:
        for other in self.found:
            if other.name == name and other.failure is None:
                raise PluginError(name, other.origin, f"{origin} uses the same name")
        try:
            self.pluggy.register(plugin, name=name)
            self.pluggy.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self.pluggy.get_plugin(name) is plugin:  # the name may be another's, whose place was not given up
                self.pluggy.unregister(name=name)
            raise PluginError(name, f"the one of {origin}", " ".join(str(error).split())) from error
        hooks = tuple(sorted(caller.name for caller in self.pluggy.get_hookcallers(plugin) or ()))
        if not hooks:
            self.pluggy.unregister(name=name)
            raise PluginError(name, f"the one of {origin}", "it implements no hook; are its functions marked?")
        return PluginInfo(name, origin, name_of(plugin), hooks)


def builtins_found() -> list[PluginInfo]:
    """The built-in plugins, each imported to see whether it works."""
    return [_examined(builtin) for builtin in BUILTINS]


def _examined(builtin: Builtin) -> PluginInfo:
    hooks, failure = tuple(f"{PROJECT}_{short}" for short in builtin.hooks), None
    try:
        for hook in hooks:
            implementation_of(builtin, hook)
    except PluginError as error:
        failure = error.second
    return PluginInfo(builtin.plugin_name, PROJECT, builtin.module, hooks, failure)


def name_of(plugin: Any) -> str:
    """A plugin's module, or the class of which it is an instance."""
    return str(getattr(plugin, "__name__", None) or f"{type(plugin).__module__}.{type(plugin).__qualname__}")
