"""Run directories: each run has one of its own, numbered, with ``latest`` beside it and ``run.json`` inside."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError
from parsl_like.monitoring.plain import plain
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from parsl_like.core.ports import RunInfo, RunSummary

LATEST: Final = "latest"
RUN_FILE: Final = "run.json"
RUN_FILE_VERSION: Final = 1
PARENT_RUN: Final = "PARSL_LIKE_PARENT_RUN"
"""The environment variable by which a program that starts another one says which run it is part of."""

CORE_PACKAGES: Final = ("zmq", "cloudpickle", "msgspec", "pluggy", "psutil", "click", "rich")


def make_rundir(path: str | os.PathLike[str]) -> str:
    """A new directory ``path/NNN`` that no other process has got, with ``path/latest`` pointing to it.

    Numbers begin with 000 and go on from the highest there is. Making the directory is what claims the number, so
    any number of processes, also on several hosts, may do so at the same time.

    Args:
        path: The folder of all runs; made if it is not there.

    Returns:
        The directory's absolute path.

    Raises:
        ConfigurationError: with the path and the cause, if it cannot be made.
    """
    place = os.path.abspath(os.fspath(path))
    try:
        os.makedirs(place, exist_ok=True)
        name = _claimed(place)
    except OSError as error:
        raise ConfigurationError(
            f"No run directory can be made in {place}: {error.strerror or error}.",
            hint="give Config(run_dir=...) a folder on a disk with space that you may write to.",
        ) from error
    _point_latest(place, name)
    return os.path.join(place, name)


def _claimed(place: str) -> str:
    number = 1 + max((int(name) for name in os.listdir(place) if name.isascii() and name.isdigit()), default=-1)
    while True:
        name = f"{number:03}"
        try:
            os.mkdir(os.path.join(place, name))
        except FileExistsError:
            number += 1
        else:
            return name


def _point_latest(place: str, name: str) -> None:
    """Replace the link in one step; where links are not possible, or ``latest`` is something else, there is none."""
    link, new = os.path.join(place, LATEST), os.path.join(place, f".{LATEST}-{name}")
    try:
        os.symlink(name, new, target_is_directory=True)
        os.replace(new, link)
    except (OSError, NotImplementedError):
        with suppress(OSError):
            os.unlink(new)


def write_run_json(run: RunInfo, config: object) -> None:
    """Leave ``run.json`` in the run's directory: how to know this run again, and how to run it again.

    It holds the command line, working directory, interpreter, versions, host, user, process, configuration, and the
    run this one is part of. Neither the environment nor any argument of a task is in it.

    Args:
        run: The run.
        config: Its configuration, kept as its repr.

    Raises:
        ConfigurationError: with the path and the cause, if it cannot be written.
    """
    facts = {
        "version": RUN_FILE_VERSION,
        "run_id": run.run_id,
        "parent_run": os.environ.get(PARENT_RUN),
        "run_dir": run.run_dir,
        "started": run.started,
        "started_at": _readable(run.started),
        "argv": list(run.argv or sys.argv),
        "working_directory": os.getcwd(),
        "interpreter": sys.executable,
        "versions": _versions(),
        "host": _host(),
        "user": _user(),
        "pid": os.getpid(),
        "config": _repr_of(config),
    }
    _write(run.run_dir, facts)


def finish_run_json(run_dir: str, summary: RunSummary) -> None:
    """Add how the run went, in one step: a reader sees the file before or after, never half of it.

    Raises:
        ConfigurationError: with the path and the cause, if it cannot be written.
    """
    import msgspec

    path = os.path.join(run_dir, RUN_FILE)
    facts: dict[str, Any] = {"version": RUN_FILE_VERSION, "run_dir": run_dir}
    with suppress(OSError, msgspec.DecodeError), open(path, "rb") as file:
        facts = msgspec.json.decode(file.read(), type=dict[str, Any])
    ended = time.time()
    facts |= {"ended": ended, "ended_at": _readable(ended), "summary": msgspec.to_builtins(summary)}
    _write(run_dir, facts)


def _write(run_dir: str, facts: dict[str, Any]) -> None:
    import msgspec

    path = os.path.join(run_dir, RUN_FILE)
    new = f"{path}.{os.getpid()}"
    try:
        with open(new, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(plain(facts)), indent=2) + b"\n")
        os.replace(new, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(new)
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}.") from error


def _readable(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))


def _versions() -> dict[str, str]:
    """Of the interpreter, this package and those of its dependencies that are loaded; nothing is loaded to find out."""
    known = {"python": sys.version.split()[0], "parsl_like": VERSION, "platform": sys.platform}
    for name in CORE_PACKAGES:
        version = vars(sys.modules[name]).get("__version__") if name in sys.modules else None
        if isinstance(version, str):
            known[name] = version
    return known


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "unknown")


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # no variable says it, and there is no password database, or no entry
        return "unknown"


def _repr_of(config: object) -> str:
    try:
        return repr(config)
    except Exception as error:  # noqa: BLE001 - a description may hold objects of the user with a __repr__ of their own
        return f"<{type(config).__name__} without a repr: {type(error).__name__}>"
