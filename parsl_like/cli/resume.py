"""``parsl-like resume``: the script of an earlier run once more, with its checkpoints."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTEBOOK: Final = "ipykernel"
STDIN: Final = ("", "-")


@click.command("resume")
@click.argument("run", default="last")
@click.option(
    "--run-dir",
    default="runinfo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder of all runs.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be started, and start nothing.")
@click.option("--force", is_flag=True, help="Also if the run seems to go on still.")
def command(run: str, run_dir: Path, dry_run: bool, force: bool) -> None:
    """Start the script of an earlier run again, with its checkpoints.

    It has the same arguments and starts where it was started then.
    RUN is the name of a run in the folder of all runs, such as 003, or the directory of one; by default the last run.
    Calls of apps with cache=True whose results were written are not run again. The exit code is the script's.
    """
    folder = _directory_of(run, run_dir)
    facts = _facts_of(folder)
    if not force and _lives(facts):
        raise click.ClickException(
            f"run {folder.name} goes on in process {facts['pid']} on {facts['host']}; --force starts it all the same."
        )
    argv = command_of(facts)
    place = str(facts.get("working_directory") or ".")
    if not os.path.isdir(place):
        raise click.ClickException(f"run {folder.name} was started in {place}, which is not there any more.")
    click.echo(f"{_told(folder, facts)}\nin {place}: {shlex.join(argv)}", err=True)
    if not dry_run:
        sys.stderr.flush()
        raise SystemExit(_run(argv, place, folder))


def command_of(facts: Mapping[str, Any]) -> list[str]:
    """The command line by which a run was started, as it can be started again.

    Raises:
        ClickException: it was typed into an interpreter or a notebook, read from standard input, or is not known.
    """
    interpreter = str(facts.get("interpreter") or sys.executable)
    argv = [str(each) for each in facts.get("argv") or ()]
    original = [str(each) for each in facts.get("command") or ()]
    if len(original) > 1:
        words = [interpreter, *original[1:]]
    elif argv and not original:  # a run of a version that kept less
        words = [interpreter, *argv]
    else:
        words = []
    if any(NOTEBOOK in word for word in argv[:1] + original[1:3]):
        raise click.ClickException(
            "the run was started in a notebook: run its cells again, with Config(resume='last')."
        )
    if not words or (argv[:1] and argv[0] in STDIN and "-c" not in original):
        raise click.ClickException(
            "the run was no script: it was typed into an interpreter, or read from standard input. "
            "Config(resume='last') goes on with it from code."
        )
    return words


def _directory_of(run: str, run_dir: Path) -> Path:
    from parsl_like.dataflow.resuming import LAST, named_run, runs_in
    from parsl_like.errors import ConfigurationError

    if run == LAST:
        runs = runs_in(str(run_dir))
        if not runs:
            raise click.ClickException(f"there is no run in {run_dir}; --run-dir says where to look.")
        return Path(runs[-1])
    try:
        return Path(named_run(run, str(run_dir)))
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


def _facts_of(folder: Path) -> Mapping[str, Any]:
    from parsl_like.dataflow.resuming import run_facts
    from parsl_like.errors import ConfigurationError
    from parsl_like.folders import check_folder

    try:
        check_folder(str(folder))  # whoever could change it could have a command of theirs run
    except (OSError, ConfigurationError) as error:
        raise click.ClickException(f"run {folder} cannot be trusted: {error}") from error
    facts = run_facts(str(folder))
    if not facts:
        raise click.ClickException(f"{folder / 'run.json'} does not say how the run was started.")
    return facts


def _lives(facts: Mapping[str, Any]) -> bool:
    """Whether the process of a run is there; one that began after the run is another one."""
    here = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME")
    if "ended" in facts or facts.get("host") != here:
        return False
    import psutil

    try:
        began: float = psutil.Process(int(facts["pid"])).create_time()
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
    return began <= float(facts.get("started") or 0) + 1.0


def _told(folder: Path, facts: Mapping[str, Any]) -> str:
    from parsl_like.dataflow.resuming import checkpoints_of

    states: Mapping[str, int] = (facts.get("summary") or {}).get("states") or {}
    done = ", ".join(f"{count} {name}" for name, count in states.items()) or "no task"
    how = f"ended with {done}" if "ended" in facts else "did not come to its end"
    found = checkpoints_of(str(folder))
    with_what = f"{len(found)} checkpoint(s) to begin with" if found else "no checkpoint: everything runs again"
    return f"run {folder.name} of {facts.get('started_at', '?')} {how}; {with_what}."


def _run(argv: list[str], place: str, folder: Path) -> int:
    from parsl_like.dataflow.resuming import RESUME

    environment = {**os.environ, RESUME: str(folder)}
    try:
        if os.name == "posix":  # the script has the terminal, its signals and its exit code for itself
            os.chdir(place)
            os.execve(argv[0], argv, environment)  # noqa: S606 - the user asks for just that
        return subprocess.call(argv, cwd=place, env=environment)
    except OSError as error:
        raise click.ClickException(f"{argv[0]} cannot be started: {error.strerror or error}") from error
