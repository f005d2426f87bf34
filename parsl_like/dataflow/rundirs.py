"""Run directories: each run has one of its own, numbered, with ``latest`` beside it and ``run.json`` inside."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError
from parsl_like.folders import PRIVATE, check_folder, make_folders
from parsl_like.monitoring.plain import plain
from parsl_like.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsl_like.core.ports import RunInfo, RunSummary

PUBLIC: Final = 0o755
"""The folder of all runs may be looked into, as far as the umask allows; each run is its user's alone."""

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
        The directory's absolute path; nobody but the user can enter it.

    Raises:
        ConfigurationError: with the path and the cause, if it cannot be made, or if anybody else could replace it.
    """
    place = os.fspath(path)
    try:
        place = os.path.abspath(place)
        make_folders(place, PUBLIC)
        check_folder(place)
        name = _claimed(place)
    except (OSError, ValueError) as error:  # the second for what is no path: a NUL character, half a surrogate pair
        raise unusable(place, error) from error
    _point_latest(place, name)
    return os.path.join(place, name)


DISK_TROUBLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENAMETOOLONG)
"""Errors that nothing but a file system gives, whatever file they are about."""


@contextmanager
def files_in(run_dir: str) -> Iterator[None]:
    """Around what opens a part of a run: a file that cannot be made there is told as the directory's fault.

    Raises:
        ConfigurationError: with the path and the cause.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        raise unusable(run_dir, error) from error
    except OSError as error:
        there = isinstance(error.filename, str) and error.filename.startswith(run_dir)
        if there or error.errno in DISK_TROUBLE:
            raise unusable(run_dir, error) from error
        raise


def unusable(place: str, error: Exception) -> ConfigurationError:
    """What to say of a place for run directories that turns out to be none."""
    what: object = error.strerror if isinstance(error, OSError) and error.strerror else error
    if isinstance(error, UnicodeError):
        what = "its name cannot be said in UTF-8, which is how other processes are told it"
    where = getattr(error, "filename", None)
    detail = f" ({where})" if where is not None and where != place else ""
    return ConfigurationError(
        f"{place!r} cannot be used for run directories: {what}{detail}.",
        hint="give Config(run_dir=...) a folder on a disk with space that you may write to.",
    )


def _claimed(place: str) -> str:
    number = 1 + max((int(name) for name in os.listdir(place) if name.isascii() and name.isdigit()), default=-1)
    while True:
        name = f"{number:03}"
        try:
            os.mkdir(os.path.join(place, name), PRIVATE)
        except FileExistsError:
            number += 1
        else:
            os.chmod(os.path.join(place, name), PRIVATE)  # the umask may have taken away more than others' rights
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


def write_run_json(run: RunInfo, config: object, checkpoints: Sequence[str] = (), resumed: str | None = None) -> None:
    """Leave ``run.json`` in the run's directory: how to know this run again, and how to run it again.

    It holds the command line, working directory, interpreter, versions, host, user, process, configuration, and the
    run this one is part of. Neither the environment nor any argument of a task is in it.

    Args:
        run: The run.
        config: Its configuration, kept as its repr.
        checkpoints: Folders of earlier runs' checkpoints that it begins with.
        resumed: The directory of the run that it goes on with.

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
        "command": list(sys.orig_argv),
        "resumed": resumed,
        "checkpoints": list(checkpoints),
        "working_directory": _working_directory(),
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
    with suppress(OSError, ValueError, RecursionError), open(path, "rb") as file:
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


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # somebody has removed it
        return None


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
