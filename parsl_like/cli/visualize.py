"""``parsl-like visualize``, which is ``parsl-visualize``."""

from __future__ import annotations

import click

from parsl_like.cli.absent import ANYTHING, NotThereYet


@click.command("visualize", context_settings=ANYTHING)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Show runs in a browser; not there yet, says what there is instead."""
    raise NotThereYet(
        "parsl-visualize",
        "the dashboard",
        "dfk.status() and dfk.summary() tell how a run goes, and records.jsonl in its directory what happened.",
    )
