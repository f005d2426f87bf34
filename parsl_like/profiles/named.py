"""Configurations by name, wherever they are: the one place that knows the order in which they are looked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError
from parsl_like.profiles import python_sources
from parsl_like.profiles.catalog import Catalog
from parsl_like.profiles.files import ProfileFile, profiles_in
from parsl_like.profiles.nodes import ProfileError, nearest
from parsl_like.profiles.places import CONFIG_VARIABLE, PROFILE_VARIABLE, files_in_order, is_data_file, searched_places
from parsl_like.profiles.profile import Found, Profile
from parsl_like.profiles.unknown_names import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from parsl_like.config import Config
    from parsl_like.profiles.nodes import Node

Chain = tuple[tuple[Path, str | None], ...]
"""The profiles that extend one another, each by its file and name, up to the one at hand."""

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class Listed:
    """A configuration that can be named.

    Attributes:
        name: Its name.
        origin: Where it is from.
        about: What it says of itself; "" for nothing.
        is_usual: Whether it is the one that is taken where none is named.
    """

    name: str
    origin: str
    about: str
    is_usual: bool


class Configurations:
    """Everything that can be named here. Making one reads nothing.

    The order: the file that ``PARSL_LIKE_CONFIG`` names, the project's file, the user's file, sites of plugins,
    configurations that come with the package.

    Args:
        environment: Variables; None for those of this process.
        directory: Where to begin to look for the project's file; None for the current directory.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, directory: Path | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._directory = directory
        self.catalog = Catalog()

    # --- one of them

    def named(self, name: str, arguments: Mapping[str, Any] | None = None) -> Found:
        """The configuration of a name.

        Args:
            name: A file of Python, TOML or YAML; ``FILE:PROFILE``; ``module:attribute``; ``auto``; a profile; a site of
                a plugin; or one that comes with the package.
            arguments: What to give to the function that makes it, if one does.

        Raises:
            ProfileError: a file says something that cannot be meant.
            ConfigurationError: there is none so called, or what is there is none.
        """
        return self._found(name, dict(arguments or {}), self._files, ())

    def usual(self) -> str | None:
        """The name of the configuration that is taken where a program names none; None if nobody says so.

        ``PARSL_LIKE_PROFILE``; else ``PARSL_LIKE_CONFIG``, or what the file so named has as its default; else the
        default of the project's file; else that of the user's.

        Raises:
            ConfigurationError: the file that ``PARSL_LIKE_CONFIG`` names has several profiles and no default.
        """
        if chosen := self._environment.get(PROFILE_VARIABLE):
            return chosen
        named = self._environment.get(CONFIG_VARIABLE)
        if not named:
            return next((file.default for file in self._files if file.default), None)
        if not is_data_file(named):
            return named
        return named if self._files[0].whole is not None else _chosen(self._files[0])

    def _found(self, name: str, arguments: dict[str, Any], files: Sequence[ProfileFile], within: Chain) -> Found:
        path, separator, profile = name.rpartition(":")
        if separator and is_data_file(path):
            return self._in_file(Path(path), profile, arguments, within)
        if is_data_file(name):
            return self._in_file(Path(name), None, arguments, within)
        for position, file in enumerate(files):
            if name in file.profiles:
                chain = (*within, (file.path, name))
                return self._profile(file.profiles[name], name, arguments, files[position + 1 :], chain)
        return self._made(name, arguments)

    def _made(self, name: str, arguments: Mapping[str, Any]) -> Found:
        if name == AUTO:
            return Found(name, "what is found here", _auto())
        if name.endswith(".py") or os.path.isfile(name):
            if not os.path.isfile(name):
                raise ConfigurationError(f"There is no file {name}.")
            return Found(name, name, python_sources.of_file(Path(name), arguments))
        if ":" in name:
            return Found(name, name, python_sources.of_object(name, arguments))
        if name in self._sites:
            made = python_sources.of_site(name, self._sites[name], arguments)
            return Found(name, f"the site {name} of a plugin", made)
        if name in python_sources.ready_made():
            made = python_sources.of_ready_made(name, arguments)
            return Found(name, f"{python_sources.READY_MADE}.{name}", made)
        known = [listed for listed, _ in self._names()]
        raise unknown_name(name, self._files, known, searched_places(self._environment, self._directory))

    def _in_file(self, path: Path, profile: str | None, arguments: dict[str, Any], within: Chain) -> Found:
        file = profiles_in(path)
        if profile is None and file.whole is not None:
            return self._profile(file.whole, str(path), arguments, self._files, (*within, (path, None)))
        name = _chosen(file) if profile is None else profile
        if name not in file.profiles:
            raise ConfigurationError(f"{path} has no profile {name!r}.", hint=nearest(name, file.profiles))
        return self._profile(file.profiles[name], name, arguments, self._files, (*within, (path, name)))

    def _profile(
        self, node: Node, name: str, arguments: dict[str, Any], further: Sequence[ProfileFile], within: Chain
    ) -> Found:
        if within[-1] in within[:-1]:
            raise ProfileError(node.place, f"the profile {name!r} extends itself, by way of others.")
        profile = Profile(name, node, self.catalog, self._environment)
        if profile.extends is None:
            if arguments:
                extended = f"The profile {name!r} ({node.place}), which extends nothing,"
                raise python_sources.UnknownArgument(extended, next(iter(arguments)), ())
            return profile.alone()
        # A profile that extends its own name means the next one so called: a user's changes to a site's.
        files = further if profile.extends == name else self._files
        try:
            base = self._found(profile.extends, {**profile.arguments(), **arguments}, files, within)
        except ProfileError:
            raise
        except python_sources.UnknownArgument as error:
            place = profile.place_of_argument(error.argument)
            if place is None:  # a profile that extends this one says it
                raise
            raise ProfileError(place, str(error.args[0]), hint=error.hint) from error
        except ConfigurationError as error:
            place = node.entries["extends"].place
            raise ProfileError(place, str(error.args[0] if error.args else error), hint=error.hint) from error
        return profile.over(base, self._unasked(profile, base, files, within))

    def _unasked(self, profile: Profile, base: Found, files: Sequence[ProfileFile], within: Chain) -> Config | None:
        """What a profile extends, made without its arguments, to know what they say; None if that cannot be known."""
        if base.node is not None or profile.extends is None or not profile.arguments():
            return None
        try:
            return self._found(profile.extends, {}, files, within).config
        except ConfigurationError:  # the arguments are needed
            return None

    # --- all of them

    def listed(self) -> list[Listed]:
        """Everything that has a name of its own, in the order in which it is looked for, each name once."""
        usual = self.usual()
        return [Listed(name, origin, self._about(name), name == usual) for name, origin in self._names()]

    def _names(self) -> Iterable[tuple[str, str]]:
        found: dict[str, str] = {}
        for file in self._files:
            for name in file.profiles:
                found.setdefault(name, str(file.path))
        for name in sorted(self._sites):
            found.setdefault(name, "a plugin")
        for name in python_sources.ready_made():
            found.setdefault(name, python_sources.READY_MADE)
        return [*found.items(), (AUTO, "what is found here")]

    def _about(self, name: str) -> str:
        for file in self._files:
            if name in file.profiles:
                said = file.profiles[name].entries.get("description")
                return "" if said is None else str(said.value)
        if name == AUTO:
            return "The processors and accelerators of this machine, or of the job around the program."
        return "" if name in self._sites else python_sources.about(name)

    @cached_property
    def _files(self) -> list[ProfileFile]:
        """Their files, read; the file that the environment names may be a single configuration."""
        found = files_in_order(self._environment, self._directory)
        return [profiles_in(file.path, collection=file.whose != "environment") for file in found]

    @cached_property
    def _sites(self) -> Mapping[str, Any]:
        from parsl_like.plugins.manager import PluginManager

        return PluginManager().site_configs


def _chosen(file: ProfileFile) -> str:
    if file.chosen is None:
        known = ", ".join(file.profiles) or "none"
        raise ConfigurationError(
            f"{file.path} does not say which of its profiles is meant: {known}.",
            hint=f"write default = ... into it, set {PROFILE_VARIABLE}, or name one as FILE:PROFILE.",
        )
    return file.chosen


def _auto() -> Config:
    import importlib

    # By its name: what is found here is known to a layer above, and so are the configurations of the package.
    found: Config = importlib.import_module("parsl_like.dataflow.autoconfig").found_config()
    return found
