"""The worker processes of a node: started, fed by their pipes, buried and replaced."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from parsl_like.errors import ExecutorError
from parsl_like.executors.high_throughput.node import orphans, pinning, worker
from parsl_like.executors.high_throughput.node.cells import Cells
from parsl_like.executors.high_throughput.node.functions import Shelf
from parsl_like.executors.high_throughput.node.pipe import ManagerEnd
from parsl_like.remote.process_tree import alive, send_signal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from parsl_like.executors.high_throughput.node.pinning import Pin
    from parsl_like.executors.high_throughput.node.pipe import ResultPacket
    from parsl_like.remote.process_tree import Member

logger = logging.getLogger("parsl_like.manager")

POLITE_S = 1.0
"""Seconds between SIGTERM and SIGKILL for a worker that has to go."""

END_S = 3.0
"""Seconds within which all of them are gone at the end."""

FALSE_STARTS = 5
"""So many workers in a row may die before they are ready, as long as no other worker is."""

LONGEST_PAUSE_S = 10.0
"""The longest pause before a worker is started again, when those before it died at their start."""

LOOK_S, LOOKS = 0.05, 100
"""Seconds between two looks for what a dead worker has left, and how many there are: what hangs in the kernel stays."""

TAIL_LINES, TAIL_CHARACTERS = 20, 4096
"""How much of a dead worker's last words is told."""

TAIL_BYTES = 32 * 1024
"""How much of them is looked at."""


class Death(NamedTuple):
    """A worker process that is gone.

    Attributes:
        worker: Its number.
        exitcode: Its exit code; negative means ended by that signal.
        output_tail: The last lines it wrote.
        log_path: Where all it wrote is.
    """

    worker: int
    exitcode: int
    output_tail: str
    log_path: str


@dataclass(slots=True)
class _Process:
    process: subprocess.Popen[bytes]
    pipe: ManagerEnd
    log_start: int
    mark: tuple[str, str]
    """The variable in the environment of all it starts."""
    ready: bool = False
    kill_at: float | None = None
    """When it is killed with all it has started; None as long as it may live."""
    family: list[Member] = field(default_factory=list)
    """What it had started when it was told to end."""
    looks: int = 0
    """How often, after its end, something of it was still found."""

    def signal(self, number: int) -> None:
        """Signal its group and the rest of its family. It must not have been reaped, so that its number is its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)
        send_signal(self.family, number)


class WorkerPool:
    """As many worker processes as the node has slots, each with a number that its replacement inherits.

    Args:
        pins: What each of them is tied to; their number is the number of workers.
        logdir: Directory for ``worker_<number>.log``, already made.
        python_path: Directories that they look for modules in before all others.
        environment: Their environment, the manager's as a rule.
        limits: What each of them may use.
        debug: Whether they show records of ``logging`` in every detail.
    """

    def __init__(
        self,
        pins: Sequence[Pin],
        logdir: Path,
        python_path: tuple[str, ...],
        environment: Mapping[str, str],
        limits: worker.Limits = worker.Limits(),  # noqa: B008 - a constant
        debug: bool = False,
    ) -> None:
        self.cells = Cells.create(len(pins))
        self.functions = Shelf()
        self._pins = pins
        self._logdir = logdir
        self._python_path = python_path
        self._environment = environment
        self._limits = limits
        self._debug = debug
        self._started = 0
        self._poll = select.epoll()
        self._processes: dict[int, _Process] = {}
        self._numbers: dict[int, int] = {}
        self._remains: list[_Process] = []
        self._absent = dict.fromkeys(range(len(pins)), 0.0)
        self._false_starts = 0
        self._stopping = False

    def __len__(self) -> int:
        return len(self._pins)

    def fileno(self) -> int:
        """What becomes readable when a worker has reported something."""
        return self._poll.fileno()

    def pipe(self, number: int) -> ManagerEnd:
        """A worker's pipe.

        Raises:
            KeyError: if there is no such worker at present.
        """
        return self._processes[number].pipe

    # --- start; ``now`` is in monotonic seconds, here and below

    def start_missing(self, now: float) -> None:
        """Start the workers that are not there and whose time has come.

        Raises:
            ExecutorError: if that cannot be done, time and again.
        """
        for number in [number for number, when in self._absent.items() if when <= now]:
            try:
                self._start(number)
            except OSError as error:
                path = str(self._log_path(number))
                self._absent[number] = now + self._pause(Death(number, 0, f"it could not be started: {error}", path))
            else:
                del self._absent[number]

    def _start(self, number: int) -> None:
        self.cells.clear(number)
        pipe = ManagerEnd()
        descriptors = (pipe.worker_descriptor, self.cells.descriptor, self.functions.descriptor)
        inherited = worker.Inherited(
            *descriptors, number, os.getpid(), self._python_path, self._limits, int(self._debug)
        )
        self._started += 1
        mark = orphans.mark(os.getpid(), self._started)
        environment = {
            **self._environment,
            **dict([mark]),
            "PARSL_WORKER_RANK": str(number),
            "PARSL_WORKER_COUNT": str(len(self._pins)),
            **self._pins[number].environment,
        }
        log = os.open(self._log_path(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", worker.MODULE, *inherited.to_argv()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                start_new_session=True,
                env=environment,
            )
            self._processes[number] = _Process(process, pipe, os.fstat(log).st_size, mark)
        except BaseException:
            pipe.close()
            raise
        finally:
            os.close(log)
        self._poll.register(pipe.fileno(), select.EPOLLIN)
        self._numbers[pipe.fileno()] = number
        try:
            pinning.apply(process.pid, self._pins[number])
        except OSError as error:
            logger.warning("worker %d runs on any processor: %s", number, error)

    def _log_path(self, number: int) -> Path:
        return self._logdir / f"worker_{number}.log"

    # --- news

    def results(self) -> list[tuple[int, list[ResultPacket]]]:
        """Everything that workers have reported, by worker."""
        numbers = [self._numbers[descriptor] for descriptor, _ in self._poll.poll(0)]
        return [(number, self._processes[number].pipe.receive()) for number in numbers]

    def mark_ready(self, number: int) -> None:
        """A worker has said that it is ready."""
        self._processes[number].ready = True
        self._false_starts = 0

    def dead(self) -> list[int]:
        """The workers whose processes have ended and wait to be buried."""
        return [number for number, entry in self._processes.items() if _exitcode(entry.process.pid) is not None]

    def has_been_told(self) -> bool:
        """Whether one of them was ended by a SIGTERM that was not sent from here."""
        return any(
            entry.kill_at is None and _exitcode(entry.process.pid) == -signal.SIGTERM
            for entry in self._processes.values()
        )

    def bury(self, number: int, now: float) -> Death:
        """Release a dead worker and let a new one take its number, later if it did not even get ready.

        :meth:`keep_up` ends what it has left, of all that are buried together in one look, and reaps it.

        Its pipe is closed: what was in it has to have been taken out.

        Raises:
            ExecutorError: if workers only die at their start, with the last one's output.
        """
        entry = self._processes.pop(number)
        self._poll.unregister(entry.pipe.fileno())
        del self._numbers[entry.pipe.fileno()]
        entry.pipe.close()
        path = self._log_path(number)
        death = _death(number, _exitcode(entry.process.pid) or 0, path, entry.log_start)
        false_start = not entry.ready and entry.kill_at is None
        if not (entry.family and entry.kill_at is not None and now < entry.kill_at):
            entry.kill_at = now  # else what it had started may take its time, too
            entry.signal(signal.SIGKILL)
        self._remains.append(entry)
        if not self._stopping:
            self._absent[number] = now + (self._pause(death) if false_start else 0.0)
        return death

    def _pause(self, death: Death) -> float:
        self._false_starts += 1
        if self._false_starts >= FALSE_STARTS and not any(other.ready for other in self._processes.values()):
            raise _cannot_start(death, self._false_starts)
        return min(LONGEST_PAUSE_S, 0.05 * 2.0 ** min(self._false_starts, 10))

    # --- end

    def kill(self, number: int, now: float) -> None:
        """End a worker with all it has started: politely now, for certain a second later."""
        entry = self._processes[number]
        if entry.kill_at is None:
            entry.family = _left_by([entry])[entry.process.pid]
            entry.kill_at = now + POLITE_S
            entry.signal(signal.SIGTERM)

    def stop(self, busy: Collection[int], now: float) -> None:
        """Begin to end all of them; none is replaced.

        Args:
            busy: Those that have something to do; they are told to end, the others end as they find nothing more.
            now: The time.
        """
        self._stopping = True
        self._absent.clear()
        families = _left_by(self._processes.values())
        for number, entry in self._processes.items():
            if entry.kill_at is not None:
                continue
            entry.family = [*alive(entry.family), *families[entry.process.pid]]
            if number in busy or not entry.ready:
                entry.kill_at = now + POLITE_S
                entry.signal(signal.SIGTERM)
            else:
                entry.kill_at = now + END_S - POLITE_S
                entry.pipe.hang_up()
                send_signal(entry.family, signal.SIGTERM)

    def keep_up(self, now: float) -> None:
        """Kill what should have ended by now, start who is missing."""
        for entry in self._processes.values():
            if entry.kill_at is not None and now >= entry.kill_at:
                entry.kill_at = now + POLITE_S
                entry.signal(signal.SIGKILL)
        self._end_remains(now)
        self.start_missing(now)

    def _end_remains(self, now: float) -> None:
        """Kill what dead workers have left, and look again until nothing is found: it may be starting more."""
        due = [entry for entry in self._remains if now >= (entry.kill_at or now)]
        if not due:
            return
        families = _left_by(due)
        for entry in due:
            entry.family = [*alive(entry.family), *families[entry.process.pid]]
            entry.signal(signal.SIGKILL)
            entry.looks += 1
            if entry.family and entry.looks < LOOKS:
                entry.kill_at = now + LOOK_S
            else:
                self._remains.remove(entry)
                entry.process.wait()

    def deadline(self) -> float | None:
        """When :meth:`keep_up` is due, None if it is not."""
        entries = [*self._processes.values(), *self._remains]
        times = [entry.kill_at for entry in entries if entry.kill_at is not None]
        return min([*times, *self._absent.values()], default=None)

    def pids(self) -> set[int]:
        """The processes that were started here and have not been reaped."""
        return {entry.process.pid for entry in (*self._processes.values(), *self._remains)}

    def is_empty(self) -> bool:
        """Whether every process that was started has ended and been buried."""
        return not self._processes and not self._remains

    def close(self) -> None:
        """Release everything; who is still there is killed."""
        for entry in self._processes.values():
            entry.pipe.close()
        for entry in (*self._processes.values(), *self._remains):
            _reap(entry)
        self._processes.clear()
        self._remains.clear()
        self._poll.close()
        self.functions.close()
        self.cells.close()


def _left_by(entries: Iterable[_Process]) -> dict[int, list[Member]]:
    return orphans.left_by({entry.process.pid: entry.mark for entry in entries})


def _reap(entry: _Process) -> None:
    entry.signal(signal.SIGKILL)
    entry.process.wait()


def _exitcode(pid: int) -> int | None:
    """How a child ended, negative for a signal; None if it lives. It is not reaped, so its number stays its own."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _death(number: int, exitcode: int, path: Path, log_start: int) -> Death:
    tail = _tail(path, log_start)
    if exitcode == worker.CUT_OFF:
        tail += "\n(it could not reach its manager any more: its descriptors were closed, by the task most likely)"
    return Death(number, exitcode, tail.lstrip("\n"), str(path))


def _tail(path: Path, start: int) -> str:
    """The last lines that were written to a file after its first ``start`` bytes; repeated ones are counted."""
    try:
        with path.open("rb") as file:
            file.seek(max(start, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode(errors="replace")
    except OSError:
        return ""
    lines = []
    for line, same in groupby(text.splitlines()):  # the frames of an endless recursion, most likely
        times = len(list(same))
        lines.append(line if times == 1 else f"{line}  [{times} times]")
    return "\n".join(lines[-TAIL_LINES:])[-TAIL_CHARACTERS:]


def _cannot_start(death: Death, times: int) -> ExecutorError:
    how = f"signal {-death.exitcode}" if death.exitcode < 0 else f"exit code {death.exitcode}"
    return ExecutorError(
        "htex",
        f"{times} worker processes in a row died before they were ready, the last one by {how}. "
        f"Its output:\n{death.output_tail or '(none)'}",
        hint="start the same command by hand on the node, and look at worker_init and at memory and process limits.",
        log_path=death.log_path,
    )
