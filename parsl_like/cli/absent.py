"""Commands of Parsl whose part is not there yet: they say so, whatever they are given, and end with 2."""

from __future__ import annotations

from typing import Final

import click

ANYTHING: Final = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
"""Settings of a command that takes every argument, so that a script's call gets the message and no other."""


class NotThereYet(click.ClickException):
    """The part that a command needs comes with a later version.

    Args:
        command: As the user typed it.
        part: What is missing.
        meanwhile: What can be done without it.
    """

    exit_code = 2

    def __init__(self, command: str, part: str, meanwhile: str) -> None:
        from parsl_like.version import VERSION

        super().__init__(
            f"{command} needs {part}, which version {VERSION} does not have; it works from the version on whose"
            f" changelog names {part}. Until then: {meanwhile}"
        )
