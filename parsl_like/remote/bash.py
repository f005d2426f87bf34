"""A bash app's command: made by the user's function, run by bash, judged by its exit code and its files."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from parsl_like.errors import (
    AppBadFormatting,
    AppException,
    AppTimeout,
    BashAppNoReturn,
    BashExitFailure,
    MissingOutputs,
)
from parsl_like.remote import sandbox
from parsl_like.remote.lifeline import Lifeline
from parsl_like.remote.process_group import end, has_terminal, running
from parsl_like.remote.streams import TaskStreams

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping


RESERVED = ("stdout", "stderr", "inputs", "outputs", "walltime")
"""Keyword arguments that mean something to the engine; a function that does not declare them does not get them."""
GRACE_S = 2.0
"""Seconds between SIGTERM and SIGKILL."""
VARIABLE = "PARSL_LIKE_COMMAND"
"""In the environment of each command, and so of what it starts, by which that is found when the command is ended."""


_numbers = itertools.count()
_endings: dict[int, Callable[[], None]] = {}


class BashCommand:
    """A bash app's function as what runs on a worker: a callable that returns 0 or raises.

    Args:
        func: The user's function; returns the command line.
        name: The app's name, for errors.
    """

    def __init__(self, func: Callable[..., str], name: str) -> None:
        self.func = func
        self.name = self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> int:
        """Runs the command line that the function makes from the arguments, and returns 0.

        Besides the function's own arguments, these keyword arguments mean something: ``stdout`` and ``stderr`` (a path
        or a pair of path and mode; without one, the worker's own is inherited), ``walltime`` (seconds the command may
        take) and ``outputs`` (files that must be there afterwards). Defaults in the function's signature count.

        Raises:
            AppBadFormatting: The function raised IndexError, as formatting does, or the line has a NUL character.
            BashAppNoReturn: It returned no command line, or raised AttributeError, as formatting None does.
            BadStdStreamFile: Its stdout or stderr cannot be opened.
            AppTimeout: The command took longer than its walltime; it and what it started have been ended.
            BashExitFailure: The command's exit code is not 0.
            MissingOutputs: The command succeeded and a file is missing.
            AppException: There is no bash, or the system refuses to start it.
        """
        accepted, options = _arguments(self.func, args, kwargs)
        command = self._command_line(args, accepted)
        exitcode, streams = self._run(command, options)
        if exitcode:
            raise BashExitFailure(
                self.name,
                exitcode,
                command=command,
                stdout=streams.stdout_path,
                stderr=streams.stderr_path,
                stderr_tail=streams.tail(),
            )
        # They are given as paths, or as objects that have one.
        missing = [o for o in options.get("outputs") or () if not os.path.exists(getattr(o, "filepath", o))]
        if missing:
            raise MissingOutputs(f"bash_app {self.name} ended with exit code 0 without making them", missing)
        return 0

    def _command_line(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        try:
            command = self.func(*args, **kwargs)
        except IndexError as error:
            raise AppBadFormatting(
                f"The command line of bash_app {self.name} could not be made: IndexError: {error}",
                hint="compare the placeholders in the command line with the arguments; write {{ and }} for braces.",
            ) from error
        except AttributeError as error:
            raise BashAppNoReturn(
                f"The command line of bash_app {self.name} could not be made: AttributeError: {error}"
            ) from error
        if not isinstance(command, str):
            got = "nothing" if command is None else f"an object of type {type(command).__name__}"
            raise BashAppNoReturn(f"bash_app {self.name} returned {got}; it must return its command line, a str")
        if "\0" in command:
            where = command.index("\0")
            raise AppBadFormatting(f"The command line of bash_app {self.name} has a NUL character at position {where}")
        return command

    def _run(self, command: str, options: Mapping[str, Any]) -> tuple[int, TaskStreams]:
        walltime = options.get("walltime")
        streams = TaskStreams(options.get("stdout"), options.get("stderr"))
        mark = f"{os.getpid()}.{next(_numbers)}.{time.time_ns()}"
        with streams, Lifeline(GRACE_S) as lifeline:
            process = _start(self.name, command, streams, lifeline.inherited, mark)
            entry = os.fsencode(f"{VARIABLE}={mark}")
            thread = threading.get_ident()
            _endings[thread] = partial(end, process, GRACE_S, entry)
            try:
                lifeline.tie(process.pid)
                return running(process, walltime), streams
            except BaseException as reason:
                end(process, GRACE_S, entry)
                if isinstance(reason, TimeoutError):
                    raise AppTimeout(
                        f"bash_app {self.name} exceeded its walltime of {walltime} s; its processes were ended"
                    ) from None
                raise
            finally:
                del _endings[thread]


def ending(thread: int | None) -> Callable[[], None] | None:
    """What ends the command that a thread of this process runs; it waits for that. None if it runs none."""
    return _endings.get(thread or 0)


def _arguments(
    func: Callable[..., str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keyword arguments for the function, and the reserved ones for the engine, defaults included."""
    import inspect

    options = {name: kwargs[name] for name in RESERVED if name in kwargs}
    try:
        signature = inspect.signature(func)
    except (TypeError, ValueError):  # a built-in without one
        return kwargs, options
    parameters = signature.parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    accepted = {name: v for name, v in kwargs.items() if takes_any or name in parameters or name not in RESERVED}
    try:
        bound = signature.bind(*args, **accepted)
    except TypeError:  # the call itself will say so, better
        return accepted, options
    bound.apply_defaults()
    return accepted, {name: bound.arguments[name] for name in RESERVED if name in bound.arguments} | options


def _start(
    name: str, command: str, streams: TaskStreams, inherited: tuple[int, ...], mark: str
) -> subprocess.Popen[bytes]:
    import shutil
    import subprocess

    bash = "/bin/bash" if os.path.exists("/bin/bash") else shutil.which("bash")
    if bash is None:
        raise AppException(
            f"bash_app {name} needs bash, and there is no /bin/bash on this host nor a bash on PATH",
            hint="install bash on the node, or add its directory to PATH in worker_init.",
        )
    # A session of its own where a terminal could stop a background group that reads from it; elsewhere only a group of
    # its own, so that the whole session of a worker can still be ended.
    apart: dict[str, Any] = {}
    if os.name == "posix":
        apart = {"start_new_session": True} if has_terminal() else {"process_group": 0}
    try:
        return subprocess.Popen(
            [bash, "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=streams.stdout,
            stderr=streams.stderr,
            pass_fds=inherited,
            env={**os.environ, VARIABLE: mark},
            cwd=sandbox.directory(),
            **apart,
        )
    except OSError as error:
        raise AppException(
            f"bash_app {name} could not be started with a command line of {len(command)} characters: {error}",
            hint="write a long command line into a file and run that; see `getconf ARG_MAX`.",
        ) from error
