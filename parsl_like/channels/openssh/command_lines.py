"""The command lines of the system's ssh, as pure texts: the login that others share, and those that share it.

Options and their meaning: ssh(1), and ssh_config(5) of OpenSSH, "ControlMaster", "StrictHostKeyChecking" and others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

IDLE_S: Final = 10
"""How long a connection outlives the last process that uses it; a program that was killed closes nothing."""
UNANSWERED: Final = 3
"""After so many questions without an answer ssh gives a connection up."""


@dataclass(frozen=True, slots=True)
class Login:
    """Everything that tells one connection from another.

    Attributes:
        hostname: The machine, or a name that ssh's configuration explains.
        username: The user there; None for what ssh's configuration says.
        port: The server's port; None likewise.
        key_filename: A private key's file; None for those that ssh would try.
        host_keys_filename: The file of known machines; None for ssh's own.
        proxy_jump: Machines on the way, as for ``ssh -J``; None for what ssh's configuration says.
        config_filename: ssh's configuration; None for the user's and the system's.
        options: More options, each as ``Name=value``.
        keepalive: Seconds between two questions whether the other side is still there.
        control_path: The socket of a connection that somebody else has made; None for one of our own.
        program: The ssh program.
    """

    hostname: str
    username: str | None = None
    port: int | None = None
    key_filename: str | None = None
    host_keys_filename: str | None = None
    proxy_jump: str | None = None
    config_filename: str | None = None
    options: tuple[str, ...] = ()
    keepalive: float = 4.0
    control_path: str | None = None
    program: str = "ssh"

    @property
    def target(self) -> str:
        """The machine as people write it."""
        return self.hostname if self.username is None else f"{self.username}@{self.hostname}"


def login_line(login: Login, socket: str, *, log: str | None, batch: bool, timeout: float) -> list[str]:
    """The command that logs in, opens ``socket`` for others, ends with 0, and leaves the connection in the background.

    The machine's key must be known: no option or configuration of the user's undoes that.

    Args:
        login: Where to.
        socket: The path of the socket.
        log: A file for what ssh says, now and later; None for its standard error, now only.
        batch: Whether nobody is there to be asked.
        timeout: Seconds the connection may take to be made.
    """
    said = [] if log is None else ["-E", log]
    first = [
        "StrictHostKeyChecking=yes",
        f"BatchMode={'yes' if batch else 'no'}",
        "ControlMaster=yes",
        f"ControlPersist={IDLE_S}",
        "RemoteCommand=none",
        "PermitLocalCommand=no",
        "ForwardAgent=no",
        "ForwardX11=no",
        "ClearAllForwardings=yes",
        "LogLevel=INFO",
    ]
    last = [
        f"ServerAliveInterval={max(1, round(login.keepalive))}",
        f"ServerAliveCountMax={UNANSWERED}",
        f"ConnectTimeout={max(1, round(timeout))}",
    ]
    way = _way(login)
    return [login.program, "-f", "-N", "-T", "-S", socket, *said, *_options(first), *way, *_options(last), *_to(login)]


def hand_line(login: Login, socket: str) -> str:
    """What to type to log in by hand, so that the channel finds the connection."""
    import shlex

    words = [
        login.program,
        "-f",
        "-N",
        "-M",
        "-S",
        socket,
        "-o",
        f"ServerAliveInterval={max(1, round(login.keepalive))}",
    ]
    return shlex.join([*words, *_way(login), *_to(login)[1:]])


def plain_line(login: Login) -> str:
    """What to type to see whether a login works, apart from any program."""
    import shlex

    return shlex.join([login.program, *_way(login), *_to(login)[1:]])


def command_line(login: Login, socket: str, command: str) -> list[str]:
    """The command that runs a line of shell text over the shared connection, and never makes one of its own."""
    return [*_sharing(login, socket), "-T", "--", login.hostname, command]


def control_line(login: Login, socket: str, request: str, *forward: str) -> list[str]:
    """A request to the shared connection: ``check``, ``exit``, ``forward`` or ``cancel``.

    Args:
        login: Where to.
        socket: The path of the socket.
        request: What is wanted.
        *forward: What to forward or cancel, as for ``ssh -R``.
    """
    forwards = [word for text in forward for word in ("-R", text)]
    return [*_sharing(login, socket), "-O", request, *forwards, "--", login.hostname]


def forward_text(here: int, there: int = 0) -> str:
    """Port ``there`` of the other machine's loopback leads to port ``here`` of ours; 0 lets the other side choose."""
    return f"127.0.0.1:{there}:127.0.0.1:{here}"


def quoted(value: str) -> str:
    """A path as the value of an option, in which ssh takes spaces for the end, and percents and tildes for its own."""
    return '"' + value.replace("%", "%%") + '"'


def _sharing(login: Login, socket: str) -> list[str]:
    # Without its socket ssh would connect by itself, and ask for a login: a way that leads nowhere prevents that.
    return [login.program, "-F", "/dev/null", "-S", socket, *_options(["BatchMode=yes", "ProxyCommand=false"])]


def _way(login: Login) -> list[str]:
    words: list[str] = [] if login.config_filename is None else ["-F", login.config_filename]
    words += _options(login.options)
    if login.host_keys_filename is not None:
        words += _options([f"UserKnownHostsFile={quoted(login.host_keys_filename)}"])
    if login.key_filename is not None:
        words += ["-i", login.key_filename, *_options(["IdentitiesOnly=yes"])]
    if login.proxy_jump is not None:
        words += ["-J", login.proxy_jump]
    if login.port is not None:
        words += ["-p", str(login.port)]
    if login.username is not None:
        words += ["-l", login.username]
    return words


def _to(login: Login) -> list[str]:
    return ["--", login.hostname]


def _options(texts: Sequence[str]) -> list[str]:
    return [word for text in texts for word in ("-o", text)]
