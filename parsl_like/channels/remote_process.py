"""A command that goes on running on another machine."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from parsl_like.channels.conversation import Conversation
from parsl_like.channels.errors import SSHException
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsl_like.channels.conversation import Wire
    from parsl_like.channels.remote_shell import RemoteCommand

BEAT_S = 10.0
"""Seconds between two signs of life, see :func:`~parsl_like.channels.remote_shell.lasting`."""
KEPT = 4000
"""How many bytes of what it has written to its standard error are kept for the error that tells of its end."""


class WireProcess:
    """A :class:`~parsl_like.core.ports.RemoteProcess` at the end of a wire.

    Args:
        wire: Leads to what runs ``command.line``.
        command: From :func:`~parsl_like.channels.remote_shell.lasting`.
        argv: The program and its arguments, for messages.
        host: The other machine, for messages.
        cause: Says why the connection has ended, as the end of a sentence.
    """

    def __init__(
        self, wire: Wire, command: RemoteCommand, argv: Sequence[str], host: str, cause: Callable[[], str]
    ) -> None:
        self._wire, self._argv, self._host, self._cause = wire, list(argv), host, cause
        self._lines, self._said = bytearray(), bytearray()
        self._talk = Conversation(wire, command, self._lines.extend, self._keep)
        self._reading = threading.Lock()
        self._over = threading.Event()

    def begin(self, deadline: float) -> None:
        """Send the command and wait until it begins.

        Args:
            deadline: By when, in monotonic seconds.

        Raises:
            ChannelError: it cannot be run, or did not begin in time.
        """
        try:
            self._talk.begin(deadline)
            self._talk.until_begun(deadline)
        except TimeoutError:
            raise SSHException(f"{self._argv[0]} does not begin{self._noise()}", self._host, transient=True) from None
        except EOFError:
            raise self._lost() from None
        if self._talk.ended:  # all that it had to say may be read all the same
            self._talk.exit_code(self._argv, self._host)  # raises if it was never started
            return
        threading.Thread(target=self._beat, name="parsl-like-beat", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it runs and the connection stands, as far as is known."""
        return not self._over.is_set() and not self._talk.ended and self._wire.alive

    def read_line(self, timeout: float) -> str:
        """The next line of its standard output, without its end; undecodable bytes are replaced.

        Args:
            timeout: Seconds it may take.

        Raises:
            SSHException: the connection was lost.
            ChannelError: it has ended, or said nothing for so long.
        """
        deadline = time.monotonic() + timeout
        with self._reading:
            while (end := self._lines.find(b"\n")) < 0:
                if self._talk.ended:
                    raise self._ended()
                try:
                    self._talk.hear(max(0.0, deadline - time.monotonic()))
                except TimeoutError:
                    text = f"{self._argv[0]} has said nothing for {timeout:g} s"
                    raise ChannelError(text, self._host, transient=True) from None
                except EOFError:
                    raise self._lost() from None
            line = bytes(self._lines[:end])
            del self._lines[: end + 1]
        return line.decode(errors="replace")

    def close(self) -> None:
        """End it with everything in its process group; it has three seconds to do so itself. Does not wait for that."""
        self._over.set()
        self._wire.end_input()
        self._wire.close()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            try:
                self._wire.send(b"\n", BEAT_S)
            except (TimeoutError, EOFError):  # whoever reads is told
                if not self._wire.alive:
                    self._wire.close()
                    return

    def _keep(self, data: bytes) -> None:
        self._said += data
        del self._said[:-KEPT]

    def _ended(self) -> ChannelError:
        self.close()
        code = self._talk.exit_code(self._argv, self._host)  # raises if it was never started
        words = self._said.decode(errors="replace").strip()
        return ChannelError(f"{self._argv[0]} has ended with exit code {code}: {words or 'without a word'}", self._host)

    def _lost(self) -> ChannelError:
        why = ", it was closed here" if self._over.is_set() else self._cause()
        self.close()
        return SSHException(f"it was lost while {self._argv[0]} ran{why}{self._noise()}", self._host, transient=True)

    def _noise(self) -> str:
        noise = self._talk.noise
        return f"; the login says: {noise[-500:]}" if self._talk.greeting is None and noise else ""
