"""``parsl-like blocks``: what runs have asked batch systems for, seen and ended from outside."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from parsl_like.cli.block_listing import ListedBlock

COMMANDS: Final = {
    "cancel": ("parsl_like.cli.blocks", "cancel", "End blocks, also of a run whose program is dead."),
    "list": ("parsl_like.cli.blocks", "list_blocks", "List the blocks of runs, with their jobs' states."),
    "render": (
        "parsl_like.cli.render",
        "render",
        "Print the script and the commands of each executor's blocks; submit nothing.",
    ),
}
"""Module, attribute and purpose of each; a module is imported when its command is given."""

COLUMNS: Final = ("run", "executor", "block", "job", "state", "since", "connected", "driver", "script")


class LazyBlocks(click.Group):
    """Shows its help without importing the commands of other modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of its commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, imported now; None if there is none so called."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command is for."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])


@click.group("blocks", cls=LazyBlocks)
def command() -> None:
    """List, cancel and preview blocks.

    RUN_DIR is the folder of all runs, runinfo as a rule, or the directory of one.
    """


@click.command("list")
@click.argument("run_dir", default="runinfo", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--all", "also_over", is_flag=True, help="Show also blocks that are over.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_blocks(run_dir: Path, *, also_over: bool, as_json: bool) -> int:
    """List the blocks of the runs in RUN_DIR, with the states that their batch systems give them now.

    Ends with 1 if a batch system could not be asked; then the states are the last ones that the run knew.
    """
    from parsl_like.cli.block_listing import listed

    listing = listed(run_dir, also_over=also_over)
    if as_json:
        import json

        click.echo(json.dumps([block.facts() for block in listing.blocks], indent=2))
    else:
        _print(listing.blocks)
    for trouble in listing.troubles:
        click.echo(f"parsl-like: {trouble}", err=True)
    return 1 if listing.troubles else 0


@click.command("cancel")
@click.argument("blocks", nargs=-1, metavar="[BLOCK]...")
@click.argument("run_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--all", "everything", is_flag=True, help="End all blocks that RUN_DIR tells of.")
def cancel(blocks: tuple[str, ...], run_dir: Path, *, everything: bool) -> int:
    """End blocks of the runs in RUN_DIR, and say which.

    A BLOCK is named as in the list: 0, htex/0, 003/htex/0, or by its job's id. Tasks that run in it are run again by
    their program, if that lives. Ends with 1 if a block could not be ended.
    """
    from parsl_like.cli.block_listing import cancelled

    if everything == bool(blocks):
        raise click.UsageError("Say which blocks, or --all.")
    outcome = cancelled(run_dir, None if everything else blocks)
    for block in outcome.ended:
        click.echo(f"cancelled {block.name} (job {block.job})")
    for trouble in outcome.troubles:
        click.echo(f"parsl-like: {trouble}", err=True)
    if not outcome.ended and not outcome.troubles:
        click.echo("no block is left", err=True)
    return 1 if outcome.troubles else 0


def _print(blocks: list[ListedBlock]) -> None:
    rows = [list(COLUMNS), *([_shown(block.facts()[column]) for column in COLUMNS] for block in blocks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows if blocks else []:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not blocks:
        click.echo("no blocks", err=True)


def _shown(fact: Any) -> str:
    if fact is None:
        return "-"
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, float):
        import time

        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(fact))
    return str(fact)
