"""``parsl-like blocks render``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from parsl_like.cli.rendering import RenderedBlock

REFUSED = 1


@click.command("render")
@click.argument("config", metavar="CONFIG")
@click.option("--executor", "label", metavar="LABEL", help="Only this executor.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array with an object for each executor.")
@click.option("--test", "judged", is_flag=True, help="Let the batch system judge it, without running it.")
def render(config: str, *, label: str | None, as_json: bool, judged: bool) -> int:
    """Print the script and the commands of each executor's blocks; submit nothing.

    CONFIG is a Python file that defines config (or a function fresh_config), module:attribute, auto, the name of a
    site of a plugin, or one of parsl_like.configs.

    With --test, Slurm is asked by sbatch --test-only; other batch systems are given a job on hold, which is cancelled
    at once. Ends with 1 if one is refused.
    """
    from parsl_like.cli.configurations import configuration_named
    from parsl_like.cli.rendering import rendered_blocks

    blocks = list(rendered_blocks(configuration_named(config), label, judged=judged))
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(block) for block in blocks], indent=2))
    else:
        for block in blocks:
            _print(block)
        if not blocks:
            click.echo("No executor has blocks.", err=True)
    return REFUSED if any(block.refused for block in blocks) else 0


def _print(block: RenderedBlock) -> None:
    click.echo(f"=== executor {block.executor}: {block.provider}")
    facts = [
        ("script", block.script_path),
        *(("beside it", name) for name in block.files),
        ("submit", shlex.join(block.submit)),
        *(("status", shlex.join(command)) for command in block.status),
        ("cancel", shlex.join(block.cancel)),
        *(("note", sentence) for sentence in block.chosen),
        ("judged", block.verdict or ""),
    ]
    for name, value in facts:
        if value:
            click.echo(f"{name:<9} {value}")
    click.echo(f"---\n{block.script.rstrip()}")
