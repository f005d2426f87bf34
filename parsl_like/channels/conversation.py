"""One command on another machine, from the first byte that is sent to the mark that tells how it has ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from parsl_like.channels.remote_shell import Greeting, MarkedStream, exit_code_of, greeting_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.channels.remote_shell import RemoteCommand


LAST_WORDS_S = 5.0
"""How long the words of a login are waited for that takes no command."""


class Wire(Protocol):
    """The input and both outputs of a line that an ssh server runs. Only ``send`` may meet another call in time.

    Attributes:
        alive: Whether the line runs and the connection stands, as far as is known.
    """

    @property
    def alive(self) -> bool:
        """Whether it is of any use to wait for more."""
        ...

    def send(self, data: bytes, timeout: float) -> None:
        """Give all of it to the input.

        Raises:
            TimeoutError: it was not taken in so many seconds.
            EOFError: nobody reads any more.
        """
        ...

    def receive(self, timeout: float) -> tuple[bytes, bytes]:
        """What has come on the two outputs, at least a byte.

        Raises:
            TimeoutError: nothing has come in so many seconds.
            EOFError: nothing comes any more on either.
        """
        ...

    def end_input(self) -> None:
        """Let the input end; no error if it has."""
        ...

    def close(self) -> None:
        """Release it; no error if the connection is gone."""
        ...


class Conversation:
    """What is said to a command, and what it says, up to its end. Times are limits in monotonic seconds.

    Args:
        wire: Leads to what runs ``command.line``.
        command: What is to be run.
        take: Gets what the command writes to its standard output, in pieces.
        take_error: Likewise for its standard error.

    Attributes:
        noise: What start-up files of the shell have said.
    """

    def __init__(
        self,
        wire: Wire,
        command: RemoteCommand,
        take: Callable[[bytes], object],
        take_error: Callable[[bytes], object],
    ) -> None:
        self.wire = wire
        self._command = command
        self._take, self._take_error = take, take_error
        self._out, self._err = MarkedStream(command.token), MarkedStream(command.token)

    @property
    def ended(self) -> bool:
        """Whether the command has ended, and all that it has written is there."""
        return self._out.ended and self._err.ended

    @property
    def greeting(self) -> Greeting | None:
        """What the other side says of itself; None before the command has begun."""
        return None if self._out.greeting is None else greeting_of(self._out.greeting)

    @property
    def noise(self) -> str:
        """What the shell, or the server, has said before the command began."""
        said = self._out.noise.decode(errors="replace") + self._err.noise.decode(errors="replace")
        return said.strip()

    def begin(self, deadline: float) -> None:
        """Send the command; the other side has it, whole, once :attr:`greeting` is there.

        Raises:
            TimeoutError: it was not taken in time.
            EOFError: the connection was lost.
        """
        try:
            self.wire.send(self._command.script, _left(deadline))
        except EOFError:  # what reads no command may still say why
            self.until_begun(min(deadline, time.monotonic() + LAST_WORDS_S))
            raise

    def until_begun(self, deadline: float) -> None:
        """Wait until the command begins, or has ended.

        Raises:
            TimeoutError: it did not in time.
            EOFError: the connection was lost.
        """
        while not (self._out.begun or self._out.ended):
            self.hear(_left(deadline))

    def give_input(self, deadline: float) -> None:
        """Send the command's input, if it has some, once it has begun.

        Raises:
            TimeoutError: it was not taken in time.
            EOFError: the connection was lost.
        """
        if self._command.input:
            self.until_begun(deadline)
            self.say(self._command.input, deadline)

    def say(self, data: bytes, deadline: float) -> None:
        """Send something; nothing is sent to a command that has ended meanwhile.

        Raises:
            TimeoutError: it was not taken in time.
            EOFError: the connection was lost.
        """
        with contextlib.suppress(TimeoutError):  # it has said nothing so far
            self.hear(0)
        if self._out.ended:
            return
        try:
            self.wire.send(data, _left(deadline))
        except EOFError:  # what does not read any more may still tell why
            self.until_ended(deadline)

    def until_ended(self, deadline: float) -> None:
        """Wait until all is there.

        Raises:
            TimeoutError: it was not in time.
            EOFError: the connection was lost.
        """
        while not self.ended:
            self.hear(_left(deadline))

    def hear(self, timeout: float) -> None:
        """Take what comes next.

        Raises:
            TimeoutError: nothing came in time.
            EOFError: the connection was lost.
        """
        if self.ended:
            return
        out, err = self.wire.receive(timeout)
        if own := self._out.feed(out):
            self._take(own)
        if own := self._err.feed(err):
            self._take_error(own)

    def exit_code(self, argv: Sequence[str], host: str) -> int:
        """The exit code of a command that has ended.

        Raises:
            ChannelError: it was never started.
        """
        return exit_code_of(self._out.verdict or "", argv, host)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
