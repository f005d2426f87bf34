"""``parsl-like globus-auth``, which is ``parsl-globus-auth``."""

from __future__ import annotations

import click

from parsl_like.cli.absent import ANYTHING, NotThereYet


@click.command("globus-auth", context_settings=ANYTHING)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Log in to Globus for staging; not there yet, says what there is instead."""
    raise NotThereYet(
        "parsl-globus-auth",
        "staging by Globus",
        "transfer files with Globus's own command, and give their paths to File().",
    )
