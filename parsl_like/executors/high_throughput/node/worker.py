"""One worker process: reads an attempt from its pipe, runs it, writes the result, until the pipe ends.

Started by a manager as ``python -m parsl_like.executors.high_throughput.node.worker`` with the words of
:class:`Inherited`.
It imports no zmq and no msgspec, so that it is ready soon, and it never outlives its manager.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from parsl_like.executors.high_throughput.node.cells import IDLE, Cells
from parsl_like.executors.high_throughput.node.functions import Functions
from parsl_like.executors.high_throughput.node.pipe import WorkerEnd
from parsl_like.executors.high_throughput.node.surroundings import (
    EVERY_S,
    GAP_S,
    LOOK_EVERY_S,
    Surroundings,
    out_of_the_way,
)
from parsl_like.executors.high_throughput.node.task_lines import mark_lines, show_records
from parsl_like.remote.call import Outcome, run_call
from parsl_like.remote.news import listen
from parsl_like.serialize.failures import pack_failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from parsl_like.executors.high_throughput.node.pipe import TaskPacket

MODULE = "parsl_like.executors.high_throughput.node.worker"

VALUE, FAILURE = 0, 1
"""``protocol.OUTCOME_VALUE`` and ``OUTCOME_FAILURE``, which a worker does not import."""

CUT_OFF = 113
"""The exit code of a worker that cannot reach its manager any more because its own end of the pipe is closed."""

_PR_SET_PDEATHSIG = 1
_PACKAGE = os.path.abspath(__file__).removesuffix(os.path.join(*MODULE.split(".")[1:]) + ".py")


class Limits(NamedTuple):
    """What a worker, and each process that it starts, may use; 0 for as much as its manager (``man 2 setrlimit``).

    Attributes:
        open_files: Descriptors (``RLIMIT_NOFILE``, soft: programs of old may not get more than they were given, since
            ``select`` fails beyond 1024).
        memory: Bytes of private memory of one process (``RLIMIT_DATA``).
        processes: Processes and threads that the user may have on the node (``RLIMIT_NPROC``).
    """

    open_files: int = 0
    memory: int = 0
    processes: int = 0

    def apply(self) -> None:
        """Limit this process.

        Raises:
            OSError: if a limit cannot be set.
        """
        import resource

        if self.open_files:
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files, hard))
        for which, wanted in ((resource.RLIMIT_DATA, self.memory), (resource.RLIMIT_NPROC, self.processes)):
            if wanted:
                hard = resource.getrlimit(which)[1]
                most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
                resource.setrlimit(which, (most, most))


class Inherited(NamedTuple):
    """What a worker is given: descriptors that are already open in it, and a few facts.

    Attributes:
        pipe: Its end of the pipe.
        cells: The cells of all workers.
        functions: The file of functions.
        worker: Its number on the node.
        manager: Process id of its manager.
        python_path: Directories to look for modules in before all others.
        limits: What it may use.
        debug: Whether records of ``logging`` are shown in every detail; 0 for those at INFO and above.
    """

    pipe: int
    cells: int
    functions: int
    worker: int
    manager: int
    python_path: tuple[str, ...] = ()
    limits: Limits = Limits()
    debug: int = 0

    def to_argv(self) -> list[str]:
        """The command line's arguments."""
        return [*(str(number) for number in (*self[:5], *self.limits, self.debug)), *self.python_path]

    @classmethod
    def from_argv(cls, argv: Sequence[str]) -> Self:
        """What :meth:`to_argv` was called on.

        Raises:
            ValueError: if the arguments are others.
        """
        pipe, cells, functions, worker, manager, *limits, debug = map(int, argv[:9])
        return cls(pipe, cells, functions, worker, manager, tuple(argv[9:]), Limits(*limits), debug)


class Worker:
    """What runs attempts.

    Args:
        inherited: What the process was given.
    """

    def __init__(self, inherited: Inherited) -> None:
        self._link = WorkerEnd(out_of_the_way(inherited.pipe), inherited.worker)
        self._cell = Cells(inherited.cells).of(inherited.worker)
        mark_lines(self._cell)
        show_records("DEBUG" if inherited.debug else "INFO")
        self._functions = Functions(out_of_the_way(inherited.functions))
        self._surroundings = Surroundings()
        self._pid = os.getpid()
        listen(self._tell)

    def serve(self) -> None:
        """Run attempts until the manager closes the pipe or is gone.

        Raises:
            OSError: if a result cannot be sent, because a task has closed the pipe for instance.
        """
        self._surroundings.watch()
        self._link.send_ready()
        restore_quickly, restored, looked, used = self._surroundings.restore_quickly, 0.0, 0.0, False
        ended = 0.0

        def restore() -> None:
            nonlocal restored, looked, used
            if used:
                self._surroundings.restore()
                restored = looked = time()
                used = False

        while (packet := self._link.receive(restore)) is not None:
            if used and not 0.0 <= time() - ended < GAP_S:
                restore()
            self._cell[0] = packet.attempt
            ended = self._run(packet)
            # What the task used is free by now: its names were local to _run.
            del packet
            self._cell[0] = IDLE
            used = True
            if 0.0 <= ended - restored < EVERY_S:
                restore_quickly()
                if ended - looked >= LOOK_EVERY_S:
                    looked = ended
                    self._surroundings.look()
            else:
                restore()

    def _run(self, packet: TaskPacket) -> float:
        started = time()
        outcome = self._outcome(packet)
        ended = time()
        if os.getpid() != self._pid:
            os._exit(0)  # the task forked, and its child came back here
        attempt, code = packet.attempt, VALUE if outcome.ok else FAILURE
        try:
            self._link.send(attempt, code, outcome.body, outcome.buffers, started, ended)
        except BrokenPipeError:
            raise
        except OSError as error:  # no room for the value, most likely; there is for a few words
            self._link.send(attempt, FAILURE, pack_failure(error), (), started, ended)
        return ended

    def _tell(self, kind: str, subject: str, facts: Mapping[str, Any]) -> None:
        """The task says something for the records; it is lost if nobody can be told."""
        attempt = self._cell[0]
        if attempt == IDLE or os.getpid() != self._pid:
            return
        import json  # most tasks have nothing to say

        with suppress(OSError):  # the manager is gone, as will be found when the result is sent
            self._link.send_news(attempt, json.dumps([kind, subject, facts], default=str).encode())

    def _outcome(self, packet: TaskPacket) -> Outcome:
        try:
            if packet.error is not None:
                raise packet.error
            function = self._functions.get(packet.function, packet.function_start, packet.function_length)
        except BaseException as error:  # noqa: BLE001 - rebuilding a function imports the user's modules
            return Outcome(False, pack_failure(error), ())
        return run_call(function, packet.body, packet.buffers)


def main(argv: Sequence[str]) -> int:
    """Be a worker until there is nothing more to do."""
    inherited = Inherited.from_argv(argv)
    if not die_with(inherited.manager):
        return 0
    _settle_in(inherited)
    try:
        Worker(inherited).serve()
    except OSError as error:
        if os.getppid() != inherited.manager or isinstance(error, BrokenPipeError):
            return 0
        os._exit(CUT_OFF)  # nothing can be said: where that would be written may be closed, too
    return 0


def die_with(parent: int) -> bool:
    """Let the kernel kill this process when ``parent`` dies; False if that is dead already.

    Where the kernel cannot (``man 2 prctl``, PR_SET_PDEATHSIG, is Linux), the process still ends at its next look at
    the pipe.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    return os.getppid() == parent


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """SIGINT is a KeyboardInterrupt in the code of a task, and nothing anywhere else.

    Ctrl-C belongs to the driver; it must not end a worker that has nothing to do, nor lose a result on its way.

    Raises:
        KeyboardInterrupt: The user's own code was interrupted.
    """
    outer = frame if frame is not None and not frame.f_code.co_filename.startswith(_PACKAGE) else None
    while outer is not None:
        if outer.f_code is run_call.__code__:
            raise KeyboardInterrupt
        outer = outer.f_back


def _settle_in(inherited: Inherited) -> None:
    signal.signal(signal.SIGINT, _interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.set_inheritable(inherited.cells, False)  # what a task starts has no business with it
    inherited.limits.apply()
    faulthandler.enable()
    known = set(sys.path)
    sys.path[:0] = [path for path in inherited.python_path if path not in known and os.path.isdir(path)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
