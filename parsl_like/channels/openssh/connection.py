"""A login of the system's ssh that stays in the background, and that all sessions of this process share.

It is made by ``ssh -f -M`` (ssh_config(5), "ControlMaster"), which ends once somebody has logged in and leaves the
connection behind in a session of its own: no interrupt from the terminal reaches it. It ends when it is told to, and a
few seconds after the last process that uses it; one process of ours uses it all the time, so that it ends also when
this program is killed.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from parsl_like.channels.errors import SSHException
from parsl_like.channels.openssh import background, command_lines
from parsl_like.channels.openssh.lifeline import FarEnd, Lifeline, begin_lifeline
from parsl_like.channels.openssh.logins import Attempt, log_in, said_in
from parsl_like.channels.openssh.refusals import last_words
from parsl_like.core.advice import as_command
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from parsl_like.channels.openssh.command_lines import Login
    from parsl_like.channels.openssh.questions import Questions

LONGEST_SOCKET: Final = 85
"""ssh adds 18 characters while it makes a socket; a path of one may have 103 on all systems."""
CLOSING_S: Final = 5.0
"""How long whoever logs in at the moment is waited for before a connection is closed."""
TRIES: Final = 3
"""How often a connection is made that breaks before the first command."""
PAUSE_S: Final = 0.2
LEADING_AGAIN_S: Final = 3.0
"""How long a connection that was made again waits for the old one to let go of a forwarded port."""

HOLDING_S: Final = 10.0
"""How long it may take to hold a connection again that is there."""


class Connection:
    """One login and what goes through it. Every method may be called from any thread.

    Args:
        login: Where to.
        questions: Who answers what ssh asks.

    Attributes:
        users: How many sessions use it.
    """

    def __init__(self, login: Login, questions: Questions) -> None:
        self.login = login
        self.users = 0
        self._questions = questions
        self._lock = threading.RLock()
        self._folder: Path | None = None
        self._lifeline: Lifeline | None = None
        self._far_end = FarEnd()
        self._forwards: dict[int, int] = {}
        self._forward_users: Counter[int] = Counter()
        self._not_led: set[int] = set()
        self._closed = False
        self._last_rites: weakref.finalize[..., Connection] | None = None

    @property
    def stands(self) -> bool:
        """Whether the connection is there, as far as ssh knows; never waits."""
        lifeline = self._lifeline
        return lifeline is not None and lifeline.holds

    @property
    def socket(self) -> str:
        """The path of the socket through which others use the connection."""
        if self.login.control_path is not None:
            return os.path.expanduser(self.login.control_path)
        return str(self._own_folder() / "c")

    def ready(self, deadline: float) -> None:
        """Make the connection if it is not there, and lead its forwarded ports as before.

        Args:
            deadline: By when, in monotonic seconds.

        Raises:
            BadHostKeyException: the machine's key is not known, or another one.
            AuthException: the login was not accepted.
            SSHException: anything else; transient where trying again makes sense.
        """
        if self.stands and not self._not_led:
            return
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise self._lost("there was no time left while somebody else logged in")
        try:
            if not self.stands:
                self._make(deadline)
            for port in sorted(self._not_led):
                self._lead_again(port, min(deadline, time.monotonic() + LEADING_AGAIN_S))
            if self._closed:
                self._release()
                raise self._lost("the channel was closed")
        finally:
            self._lock.release()

    def forward(self, port: int) -> int:
        """Lead a port of the other machine's loopback here; gives its number, which stays the same.

        Raises:
            SSHException: the other side does not allow it, or does not yet allow it again.
        """
        with self._lock:
            if port not in self._forwards or port in self._not_led:
                self._forwards[port] = self._ask_forward(port, self._forwards.get(port, 0))
                self._not_led.discard(port)
            self._forward_users[port] += 1
            return self._forwards[port]

    def cancel(self, ports: Iterable[int]) -> None:
        """Somebody needs these ports no more; a port that nobody needs is not led here any more."""
        if not self._lock.acquire(timeout=CLOSING_S):
            return  # somebody logs in: there is no connection that they could go through
        try:
            for port in ports:
                self._forward_users[port] -= 1
                if self._forward_users[port] <= 0 and port in self._forwards:
                    self._lead_no_more(port)
        finally:
            self._lock.release()

    def cause(self) -> str:
        """What ssh said last, if anything, for the error of a command that was lost with the connection."""
        said = said_in(self._log())
        return last_words(said, 1) if said.strip() else ""

    def close(self) -> None:
        """End the connection if it is ours, and wait until its process is gone; a login under way ends it when done."""
        self._closed = True
        if self._lock.acquire(timeout=CLOSING_S):
            try:
                self._release()
            finally:
                self._lock.release()

    def _release(self) -> None:
        if self.login.control_path is not None:
            for port in list(self._forwards):
                self._lead_no_more(port)
        self._let_go()
        if self._last_rites is not None:
            self._last_rites()
        self._folder = self._last_rites = None

    def _lead_no_more(self, port: int) -> None:
        there = self._forwards.pop(port)
        self._not_led.discard(port)
        # ssh knows it under the number that was asked for, 0 at first; it answers alike to one that it does not know.
        for number in (0, there):
            if self.stands:
                background.request(self.login, self.socket, "cancel", command_lines.forward_text(port, number))

    # --- making it

    def _make(self, deadline: float) -> None:
        again = self._lifeline is not None or bool(self._far_end.pid)
        self._let_go()
        for left in reversed(range(TRIES)):
            if not background.is_there(self.login, self.socket):
                if self.login.control_path is not None:
                    raise self._lost(f"there is no connection at {self.socket}")
                Path(self.socket).unlink(missing_ok=True)
                self._log_in(again, deadline)
            lifeline = begin_lifeline(self.login, self.socket, self._log(), self._far_end)
            if lifeline.greets(max(1.0, deadline - time.monotonic())):
                break
            lifeline.end()
            again = True  # nobody is asked twice
            if not left or time.monotonic() + PAUSE_S > deadline:
                raise self._lost(f"no command can be run there: {self.cause() or 'the connection ended at once'}")
            time.sleep(PAUSE_S)
        if lifeline.far_end != self._far_end:  # else it is the same connection, by which the ports are led
            self._not_led = set(self._forwards)
        self._lifeline, self._far_end = lifeline, lifeline.far_end
        lifeline.keep(self._hold)

    def _hold(self) -> None:
        """Nothing of ours holds the connection any more: it would end by itself soon, and the login with it."""
        with self._lock:
            if self._closed or self.stands or not background.is_there(self.login, self.socket):
                return
            with contextlib.suppress(ChannelError):  # told to whoever needs it next, and tries again
                self._make(time.monotonic() + HOLDING_S)

    def _log_in(self, again: bool, deadline: float) -> None:
        attempt = Attempt(
            login=self.login,
            questions=self._questions,
            folder=self._own_folder(),
            socket=self.socket,
            log=self._log(),
            may_ask=not again,
            by_hand=command_lines.hand_line(self.login, self.socket),
        )
        log_in(attempt, max(1.0, deadline - time.monotonic()))

    def _let_go(self) -> None:
        lifeline, self._lifeline = self._lifeline, None
        if lifeline is not None:
            lifeline.end()

    def _lead_again(self, port: int, deadline: float) -> None:
        """The other side may hold the port for the old connection until it has noticed that this has ended."""
        while self.stands:
            try:
                self._ask_forward(port, self._forwards[port])
            except SSHException:
                if time.monotonic() + PAUSE_S > deadline:
                    return  # the next one who needs the connection tries again; whoever asks for the port is told
                time.sleep(PAUSE_S)
            else:
                self._not_led.discard(port)
                return

    def _ask_forward(self, here: int, there: int) -> int:
        text = command_lines.forward_text(here, there)
        code, printed, said = background.request(self.login, self.socket, "forward", text)
        if code == 0 and (there or printed.strip().isdigit()):
            return there or int(printed)
        wanted = f"port {there}" if there else "a port"
        raise SSHException(
            f"{wanted} there cannot be led to port {here} here: {last_words(said or printed)}",
            self.login.target,
            transient=bool(there),
            hint="ask the site whether its ssh server allows remote forwarding (AllowTcpForwarding in sshd_config).",
        )

    def _lost(self, why: str) -> SSHException:
        hint = by_hand = None
        if self.login.control_path is not None:
            by_hand = command_lines.hand_line(self.login, self.socket)
            hint = f"log in by hand; the program goes on by itself then:{as_command(by_hand)}"
        error = SSHException(why, self.login.target, transient=True, hint=hint)
        error.by_hand = by_hand
        return error

    # --- its files

    def _own_folder(self) -> Path:
        import tempfile

        with self._lock:
            if self._folder is None:
                place = tempfile.gettempdir()
                if len(place) + 20 > LONGEST_SOCKET:
                    place = "/tmp"  # noqa: S108 - the folder made in it is ours alone
                self._folder = Path(tempfile.mkdtemp(prefix="pl-ssh-", dir=place))
                socket = str(self._folder / "c")
                self._last_rites = weakref.finalize(self, background.end, self.login, socket, self._folder)
            return self._folder

    def _log(self) -> Path:
        return self._own_folder() / "log"


_SHARED: Final[dict[tuple[int, Login, Questions], Connection]] = {}
_SHARING: Final = threading.Lock()


def shared(login: Login, questions: Questions) -> Connection:
    """The connection of this process that leads there; each call wants its own :func:`give_back`."""
    key = (os.getpid(), login, questions)
    with _SHARING:
        if key not in _SHARED:
            _SHARED[key] = Connection(login, questions)
        _SHARED[key].users += 1
        return _SHARED[key]


def give_back(connection: Connection, ports: Iterable[int]) -> None:
    """Somebody uses it no more, nor these forwarded ports; the last one ends it."""
    with _SHARING:
        connection.users -= 1
        last = connection.users == 0
        for key in [key for key, value in _SHARED.items() if last and value is connection]:
            del _SHARED[key]
    if last:
        connection.close()
    else:
        connection.cancel(ports)
