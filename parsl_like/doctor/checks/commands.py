"""Whether the commands are there that blocks are submitted and started with, and whether they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from parsl_like.doctor.findings import Finding, Severity, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from parsl_like.doctor.sightings import SeenSystem

LAUNCHED_BY: Final[Mapping[str, str]] = {
    "AprunLauncher": "aprun",
    "GnuParallelLauncher": "parallel",
    "JsrunLauncher": "jsrun",
    "MpiExecLauncher": "mpiexec",
    "MpiRunLauncher": "mpirun",
    "SrunLauncher": "srun",
    "SrunMPILauncher": "srun",
}
"""The command that a launcher starts copies with."""


def check_commands(where: str, name: str, seen: SeenSystem) -> Iterator[Finding]:
    """Commands of the batch system that are not on PATH, and a batch system that does not answer them.

    Args:
        where: The executor.
        name: What the batch system is called.
        seen: What was seen of it.
    """
    absent = [command for command, path in seen.commands.items() if path is None]
    if absent:
        what = f"{name} cannot be reached from here: no command {listed(absent)} is on PATH."
        fix = "Run your program where jobs are submitted, on a login node as a rule, or load the batch system's module."
        yield Finding("command-missing", where, what, fix)
    elif seen.silence is not None:
        what = f"{name} does not answer, so no block could be had."
        fix = "See whether its commands work by hand; if not, wait, or tell the people who run it."
        yield Finding("system-silent", where, what, fix, evidence=seen.silence)


def check_launcher(where: str, provider: Any, path: str | None, *, local: bool) -> Iterator[Finding]:
    """A launcher whose command is not here: on a cluster it may be on nodes only, or come with a module.

    Args:
        where: The executor.
        provider: Its provider.
        path: Where the launcher's command is, None if it is not on PATH.
        local: Whether blocks run on this machine.
    """
    launcher = type(provider.launcher).__name__
    command = LAUNCHED_BY.get(launcher)
    if command is None or path is not None or provider.worker_init.strip():
        return
    what = f"{launcher} starts workers with {command}, which is not on PATH here."
    fix = f'Have it loaded: worker_init="module load ...", or use another launcher; {command} has to be there.'
    severity = Severity.FAULT if local else Severity.WARNING
    yield Finding("launcher-missing", where, what, fix, severity=severity)


def check_python(where: str, provider: Any, path: str | None) -> Iterator[Finding]:
    """The interpreter of a channel to another machine, where there is none of that name.

    Args:
        where: The executor.
        provider: Its provider.
        path: Where the interpreter is, None if it is not there.
    """
    wanted = getattr(provider.channel, "python", None)
    if wanted is not None and path is None:
        what = f"There is no {wanted} on the machine that {type(provider.channel).__name__} leads to."
        fix = "Give the channel python= the interpreter there whose packages are the same as here."
        yield Finding("python-missing", where, what, fix)
