"""The command ``parsl-like``: one module for each command, loaded when the command is given.

Results go to standard output, everything else to standard error. The command ends with 0 if all is done, 1 if a task
or the command failed, 2 if it was used or configured wrongly, 130 after Ctrl-C.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED: Final = 1
USED_WRONGLY: Final = 2
INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give the status to end with; it raises only what is a defect of ours.

    Args:
        argv: The words after the command's name; None for those of this process.

    Raises:
        SystemExit: who read the output has closed it.
    """
    import click

    from parsl_like.cli.group import parsl_like
    from parsl_like.errors import ConfigurationError, OptionalModuleMissing, ParslError, PluginError

    try:
        return _status(parsl_like.main(argv, prog_name="parsl-like", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("parsl-like: interrupted", err=True)
        return INTERRUPTED
    except (ConfigurationError, OptionalModuleMissing, PluginError) as error:
        click.echo(f"parsl-like: {error}", err=True)
        return USED_WRONGLY
    except ParslError as error:
        click.echo(f"parsl-like: {type(error).__name__}: {error}", err=True)
        return FAILED


def _status(returned: Any) -> int:
    return returned if isinstance(returned, int) else 0
