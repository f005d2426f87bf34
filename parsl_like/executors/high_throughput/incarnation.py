"""One interchange process as the driver sees it, with the two links to it; a restart makes another one."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from parsl_like.executors.high_throughput.options import DISMISSAL
from parsl_like.executors.high_throughput.protocol import INTERCHANGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsl_like.executors.high_throughput.authentication import Authenticator
    from parsl_like.executors.high_throughput.links.port import Channel, Link
    from parsl_like.executors.high_throughput.links.waiting import Waiter

logger = logging.getLogger(__name__)

STDERR_TAIL = 4000
TURNS = 10
"""How often the links are asked for more before the rest of the kernel has its turn."""

DYING_SECONDS = 0.5
"""How long a process may take to be gone after its links."""

STOP_SECONDS = 5.0
"""How long the interchange may take to end its managers before it is told less politely."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the process.

    Attributes:
        command: Its words.
        environment: Its environment, whole.
        errors: Path of the file that takes its standard error, after what is there.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    errors: str


class Incarnation:
    """A process and its links. Belongs to the owner thread.

    Args:
        number: How many there have been, with this one.
        links: The listening ends of its two links, bound.
        launch: How to start it.
        waiter: Polls everything of it.
        authenticator: Answers for the links if they are encrypted.
        wake: Has the owner thread make one more pass.
        forgetful: Whether a link that sends may take notice of what has come, and tell nobody (those on TCP).

    Attributes:
        heard: When it last said something, in monotonic seconds; at first, when it was started.
    """

    def __init__(
        self,
        number: int,
        links: Mapping[Link, Channel],
        launch: Launch,
        *,
        waiter: Waiter,
        authenticator: Authenticator | None,
        wake: Callable[[], None],
        forgetful: bool,
    ) -> None:
        self.number = number
        self.heard = time.monotonic()
        self._links = links
        self._launch = launch
        self._errors_from = 0
        self._waiter = waiter
        self._authenticator = authenticator
        self._wake = wake
        self._forgetful = forgetful
        self._watched = False
        self._waiting: dict[Link, deque[tuple[bytes, Sequence[Any]]]] = {"data": deque(), "control": deque()}
        self._up: set[Link] = set()
        self._cut: Link | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: IO[bytes]
        self._liveness: IO[bytes]

    def start(self) -> None:
        """Start the process; does not wait for it."""
        for channel in self._links.values():
            channel.watch(self._waiter)
        with open(self._launch.errors, "ab") as errors:
            self._errors_from = errors.tell()
            process = subprocess.Popen(
                self._launch.command,
                stdin=subprocess.PIPE,  # its end tells the interchange that the driver is gone
                stdout=subprocess.PIPE,  # its end tells the driver that the interchange is gone
                stderr=errors,
                env=self._launch.environment,
                start_new_session=True,  # a Ctrl-C is for the driver, which ends the interchange in good order
            )
        self._process = process
        self._lifeline = cast("IO[bytes]", process.stdin)
        self._liveness = cast("IO[bytes]", process.stdout)
        os.set_blocking(self._liveness.fileno(), False)
        self._waiter.add(self._liveness.fileno(), self._liveness)
        self._watched = True

    @property
    def pid(self) -> int:
        """The process's id, 0 before it is started."""
        return self._process.pid if self._process is not None else 0

    # --- the links

    def receive(self) -> Iterator[list[Any]]:
        """All messages that have come, each a frame and its parts."""
        # Until there is nothing: who sleeps after this relies on descriptors, and those of TCP links forget.
        for _ in range(TURNS):
            ready = self._waiter.wait(0)
            if not ready:
                return
            if self._authenticator is not None and self._authenticator in ready:
                self._authenticator.handle()
            if self._liveness in ready:
                self._look_after_process()
            for link, channel in self._links.items():
                if channel in ready:
                    yield from self._received(link, channel)
        self._wake()

    def _received(self, link: Link, channel: Channel) -> Iterator[list[Any]]:
        while (message := channel.receive()) is not None:
            self.heard = time.monotonic()  # not when anything is ready: that may be a stranger who knocks
            if self._waiting[link]:
                self._send_what_waits(link)
            if message[1]:
                yield message[1:]
        if channel.is_connected():
            self._up.add(link)
        elif link in self._up:
            self._cut = link

    def _look_after_process(self) -> None:
        if self._process is None or self._process.poll() is None:
            self._liveness.read()  # it only wrote something, or is about to be gone
        else:
            self._unwatch()

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._waiter.remove(self._liveness.fileno())

    def send(self, link: Link, frame: bytes, parts: Sequence[Any]) -> None:
        """Send now, or as soon as the interchange has been heard on that link."""
        # Each of the two links comes up by itself, and until it does there is nobody to send to.
        waiting = self._waiting[link]
        if waiting or not self._links[link].send(frame, parts, to=INTERCHANGE):
            waiting.append((frame, parts))
        if self._forgetful:
            self._wake()

    def _send_what_waits(self, link: Link) -> None:
        waiting = self._waiting[link]
        while waiting and self._links[link].send(*waiting[0], to=INTERCHANGE):
            waiting.popleft()

    # --- its end

    def is_useless(self) -> bool:
        """Whether there is a :meth:`failure` to tell of."""
        return self._cut is not None or self._process is None or self._process.returncode is not None

    def failure(self) -> str | None:
        """Why it is of no more use, in words, with the last it wrote; None as long as it is."""
        process = self._process
        if process is None:
            return "its interchange was never started"
        if self._cut and process.returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(DYING_SECONDS)
        if process.returncode is not None:
            code = process.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return f"its interchange ended by {how}. {self._last_words()}"
        if self._cut:
            reason = f"its {self._cut} link to the interchange broke, though that lives"
            return f"{reason}; too many open files in this process, most likely (ulimit -n)."
        return None

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), open(self._launch.errors, "rb") as file:
            file.seek(max(self._errors_from, os.path.getsize(self._launch.errors) - STDERR_TAIL))
            text = file.read().decode(errors="replace").strip()
            return f"Its last words: {text}" if text else "It left no word."
        return ""

    def kill(self) -> None:
        """End the process at once, and hang up; what was on its way is lost."""
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # the kernel holds it; it does no harm any more
                self._process.wait(DYING_SECONDS)
        self._hang_up()

    def end(self, deadline: float) -> None:
        """End the process by closing its stdin, then by force, and hang up."""
        process = self._process
        if process is not None:
            with contextlib.suppress(BrokenPipeError):
                if not self._lifeline.closed:
                    self._lifeline.write(DISMISSAL)
                self._lifeline.close()
            patience = max(0.2, min(STOP_SECONDS, deadline - time.monotonic() - 2))
            for force in (None, process.terminate, process.kill):
                if force is not None:
                    logger.warning("interchange %d does not end; %s", process.pid, force.__name__)
                    force()
                try:
                    process.wait(patience)
                    break
                except subprocess.TimeoutExpired:
                    patience = 1.0
        self._hang_up()

    def leave(self) -> None:
        """Hang up and let the process go on: for it the driver is dead, and another one may come."""
        self._hang_up()

    def _hang_up(self) -> None:
        for channel in self._links.values():
            channel.close()
        for waiting in self._waiting.values():
            waiting.clear()
        self._unwatch()
        if self._process is not None:
            for end in (self._lifeline, self._liveness):
                with contextlib.suppress(BrokenPipeError):
                    end.close()
