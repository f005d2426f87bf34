"""``parsl-like plugins``."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from parsl_like.plugins.registry import PluginInfo

PREFIX = "parsl_like_"


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(*, as_json: bool) -> int:
    """List the plugins there are, where they come from, and which hooks each has.

    Ends with 1 if one of them does not work.
    """
    from parsl_like.plugins.manager import PluginManager

    manager = PluginManager()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of plugins left out: the list says it
        found = manager.plugins()
    if as_json:
        import json

        click.echo(json.dumps([asdict(info) for info in found], indent=2))
    else:
        _print(found)
        if manager.cli_commands:
            click.echo(f"\ncommands of plugins: {', '.join(sorted(manager.cli_commands))}")
    return 1 if any(info.failure for info in found) else 0


def _print(found: list[PluginInfo]) -> None:
    width = max(len(info.name) for info in found)
    for info in found:
        hooks = ", ".join(hook.removeprefix(PREFIX) for hook in info.hooks)
        click.echo(f"{info.name:{width}}  {info.origin}  {info.module}")
        click.echo(f"{'':{width}}  {'left out: ' + info.failure if info.failure else hooks}")
