"""The group of all commands: it knows their names and what they are for, and imports only the one that is given."""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from parsl_like.version import VERSION

COMMANDS: Final = {
    "blocks": "List, cancel and preview blocks.",
    "cache": "List, show, forget and export remembered results.",
    "config": "Show, check and list configurations.",
    "demo": "Take a census of Python sources on worker processes.",
    "doctor": "Say what is wrong with a configuration, and what to do, before a run does.",
    "globus-auth": "Log in to Globus, so that runs can have files moved.",
    "migrate": "Rewrite imports and names of programs written for Parsl, and list what to check by hand.",
    "perf": "Measure how many tasks per second a configuration runs.",
    "plugins": "List the plugins there are, where they come from, and which hooks each has.",
    "resume": "Start the script of an earlier run again, with its checkpoints.",
    "version": "Say the versions of parsl_like, Python and the packages below.",
    "visualize": "Show runs in a browser; not there yet, says what there is instead.",
    "why": "Say why a task ran again, or why it did not run.",
}
"""Each is the attribute ``command`` of the module of its name in this package, a dash being an underscore."""


class LazyGroup(click.Group):
    """Shows its help without importing a command; asks plugins only about a command it does not know."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The package's own commands; those of plugins are in ``parsl-like plugins``."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if nobody has one so called.

        Raises:
            ClickException: a plugin has one, and it cannot be loaded.
        """
        if cmd_name in COMMANDS:
            command: click.Command = importlib.import_module(_module(cmd_name)).command
            return command
        from parsl_like.plugins.manager import PluginManager

        brought = PluginManager().cli_commands.get(cmd_name)
        return None if brought is None else _loaded(cmd_name, brought)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command is for."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _module(command: str) -> str:
    return f"parsl_like.cli.{command.replace('-', '_')}"


def _loaded(name: str, brought: Any) -> click.Command:
    if isinstance(brought, click.Command):
        return brought
    try:
        module, _, attribute = str(brought).partition(":")
        command = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a plugin's own code; the user needs to know whose
        raise click.ClickException(f"the plugin's command {name!r} ({brought}) cannot be loaded: {error!r}") from error
    if not isinstance(command, click.Command):
        raise click.ClickException(
            f"the plugin's command {name!r} ({brought}) is a {type(command).__name__}, no command"
        )
    return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Plugins may add commands: parsl-like plugins shows them.",
)
@click.version_option(VERSION, prog_name="parsl_like", message="%(prog)s %(version)s")
def parsl_like() -> None:
    """Run and look at many-task workflows."""
