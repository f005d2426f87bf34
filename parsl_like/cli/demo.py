"""``parsl-like demo``: the census of Python sources, a program that uses every kind of app."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

PACKAGE = Path(__file__).resolve().parent.parent
INSTALLED = PACKAGE / "examples" / "source_census.py"
IN_CHECKOUT = PACKAGE.parent / "examples" / "source_census.py"


class NotFoundError(click.ClickException):
    """The demo is not where it belongs."""

    exit_code = 2


@click.command(
    "demo",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> int:
    """Take a census of Python sources on worker processes; its own --help says what it can do.

    All ARGUMENTS are passed on to it. Ends with 1 if tasks failed, with 2 if the arguments were wrong.
    """
    try:
        if INSTALLED.is_file():
            return int(importlib.import_module("parsl_like.examples.source_census").main(list(arguments)) or 0)
        if IN_CHECKOUT.is_file():
            return _as_program(IN_CHECKOUT, arguments)
    except SystemExit as end:  # what argparse does with --help and with mistakes
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    raise NotFoundError(f"the demo is neither at {INSTALLED} nor at {IN_CHECKOUT}.")


def _as_program(path: Path, arguments: tuple[str, ...]) -> int:
    """Run a file as ``python path ...`` does: its functions are those of ``__main__``, which travel to any worker."""
    import runpy

    before, sys.argv = sys.argv, [str(path), *arguments]
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv = before
    return 0
