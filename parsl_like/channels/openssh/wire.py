"""One command on the shared connection: a process of ssh whose pipes are the command's."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final

from parsl_like.channels.errors import SSHException
from parsl_like.channels.openssh.refusals import last_words, was_not_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PIECE: Final = 1 << 17
SLICE_S: Final = 0.5
"""How long a thread that reads keeps others from closing what it reads."""
PAUSE_S: Final = 0.2
"""Between two tries to get onto the connection."""
LAST_WAIT_S: Final = 5.0
SAID_KEPT: Final = 4000
SSH_FAILED: Final = 255
"""How ssh ends if it has failed itself; a command may, too."""


class OpenSSHWire:
    """A :class:`~parsl_like.channels.conversation.Wire` through a process of ssh.

    As long as ssh says that it did not get onto the shared connection, nothing has reached the other side: it is
    started once more, and what was sent is sent again.

    Args:
        process: ssh, from :func:`started`.
        line: Makes the connection if it is not there, and gives the command line of ssh, to start it once more.
        deadline: Until when that is tried, in monotonic seconds.
        host: The other machine, for messages.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], line: Callable[[], Sequence[str]], deadline: float, host: str
    ) -> None:
        self._process = process
        self._line = line
        self._deadline, self._host = deadline, host
        self._lock = threading.Lock()
        self._sent: bytes | None = b""  # until the first answer
        self._input_ended = self._closed = False
        self._said = b""

    @property
    def alive(self) -> bool:
        """Whether ssh runs; it ends with the connection."""
        return not self._closed and self._process.poll() is None

    def send(self, data: bytes, timeout: float) -> None:
        """Give all of it to the command's input.

        Raises:
            TimeoutError: it was not taken in so many seconds.
            EOFError: nobody reads any more.
        """
        if self._input_ended:
            raise EOFError("the input was ended")
        if self._sent is not None:
            self._sent += data
        try:
            self._write(data, time.monotonic() + timeout)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            if self._sent is None:  # else whoever reads sees whether it has to be sent again
                raise EOFError("ssh has ended") from error

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        """What has come on the two outputs, at least a byte.

        Raises:
            TimeoutError: nothing has come in so many seconds.
            EOFError: nothing comes any more on either.
            SSHException: ssh could not get onto the connection.
        """
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            with self._lock:
                out, err, ended = self._read(max(0.0, min(left, SLICE_S)))
            if out or err:
                self._note(out, err)
                return out, err
            if ended and not self._again():
                raise self._ending()
            if not ended and left <= 0:
                raise TimeoutError

    def end_input(self) -> None:
        """Let the command's input end."""
        self._input_ended = True
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def close(self) -> None:
        """Let ssh end, and end it if it does not."""
        self._closed = True
        self.end_input()
        _end(self._process, 1.0)
        with self._lock:
            self._close_outputs()

    # --- the process

    def _again(self) -> bool:
        """Start once more, if nothing was sent and there is time; gives whether it was."""
        late = time.monotonic() + PAUSE_S > self._deadline
        said = self._said.decode(errors="replace")
        if self._closed or self._input_ended or late or self._sent is None or not was_not_sent(said):
            return False
        time.sleep(PAUSE_S)
        line = self._line()
        with self._lock:
            _end(self._process, 0.0)
            self._close_outputs()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._said = b""
            self._process = started(line)
        with contextlib.suppress(OSError):
            self._write(self._sent, self._deadline)
        return True

    def _ending(self) -> Exception:
        """The error for outputs that have ended: ssh's own if there was no answer, with its exit code for that."""
        if self._closed or self._sent is None or not self._said or _end(self._process, LAST_WAIT_S) != SSH_FAILED:
            return EOFError("ssh has ended")
        words = last_words(self._said.decode(errors="replace"))
        return SSHException(f"nothing was run there: {words}", self._host, transient=True)

    def _write(self, data: bytes, deadline: float) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            raise BrokenPipeError
        while data:
            poll = select.poll()
            poll.register(stdin, select.POLLOUT)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(stdin.fileno(), data[:PIECE]) :]

    def _read(self, wait: float) -> tuple[bytes, bytes, bool]:
        """What is there on both outputs, and whether both have ended."""
        pipes = [pipe for pipe in (self._process.stdout, self._process.stderr) if pipe is not None and not pipe.closed]
        if not pipes:
            return b"", b"", True
        poll = select.poll()
        for pipe in pipes:
            poll.register(pipe, select.POLLIN)
        found = dict.fromkeys((self._process.stdout, self._process.stderr), b"")
        ready = {descriptor for descriptor, _ in poll.poll(wait * 1000)}
        for pipe in pipes:
            if pipe.fileno() in ready:
                found[pipe] = os.read(pipe.fileno(), PIECE)
                if not found[pipe]:
                    pipe.close()
        return found[self._process.stdout], found[self._process.stderr], all(pipe.closed for pipe in pipes)

    def _note(self, out: bytes, err: bytes) -> None:
        if out:
            self._sent = None
        elif self._sent is not None:
            self._said = (self._said + err)[-SAID_KEPT:]

    def _close_outputs(self) -> None:
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


def _end(process: subprocess.Popen[bytes], patience: float) -> int | None:
    """Its exit code, once it has ended by itself or by force."""
    for wait in (patience, LAST_WAIT_S):
        try:
            return process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
    return None


def started(line: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process of ssh for a wire.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        list(line),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,  # what is typed at the terminal is not for it
    )
    if process.stdin is not None:
        os.set_blocking(process.stdin.fileno(), False)
    return process
