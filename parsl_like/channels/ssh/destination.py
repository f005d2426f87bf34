"""Where a channel leads to: machine, user, keys and machines on the way, from it and from ssh's configuration."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from parsl_like.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SSH_PORT: Final = 22
MOST_JUMPS: Final = 8
"""More machines on the way than anybody has: a configuration that leads in a circle."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A machine as it is written down: in a channel, or as one on the way.

    Attributes:
        name: What ssh's configuration may know it by.
        port: Its port; None for what the configuration says.
        username: The user there; None likewise.
        key: A private key's file; None likewise.
        jump: The machines on the way, as for ``ssh -J``; None likewise.
    """

    name: str
    port: int | None = None
    username: str | None = None
    key: str | None = None
    jump: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """A machine to connect to.

    Attributes:
        name: What it is called in messages.
        hostname: Its name or address in the network.
        port: The port of its ssh server.
        username: The user there.
        keys: Files of private keys; empty for those that ssh would try.
        explicit: Whether the channel itself has named the key: nothing else is looked for.
        agent: Whether an agent may be asked for more.
        known_hosts: Files of known machines that ssh's configuration names; empty for the usual ones.
        alias: The name under which its key is known, if that is another one.
        through: The machine by which it is reached; None for directly.
    """

    name: str
    hostname: str
    port: int
    username: str
    keys: tuple[str, ...] = ()
    explicit: bool = False
    agent: bool = True
    known_hosts: tuple[str, ...] = ()
    alias: str | None = None
    through: Destination | None = None

    @property
    def key_name(self) -> str:
        """What it is called in a file of known machines."""
        if self.alias is not None:
            return self.alias
        return self.hostname if self.port == SSH_PORT else f"[{self.hostname}]:{self.port}"

    @property
    def scan(self) -> str:
        """The command that prints the keys it shows."""
        port = "" if self.port == SSH_PORT else f"-p {self.port} "
        return f"ssh-keyscan {port}{self.hostname}"

    @property
    def login(self) -> str:
        """The command that logs in by hand."""
        port = "" if self.port == SSH_PORT else f"-p {self.port} "
        jump = (
            "" if self.through is None else f"-J {self.through.username}@{self.through.hostname}:{self.through.port} "
        )
        key = f"-i {shlex.quote(self.keys[0])} " if self.explicit and self.keys else ""
        return f"ssh {jump}{port}{key}{self.username}@{self.hostname}"


def resolved(wanted: Wanted, look_up: Callable[[str], Mapping[str, Any]], user: str) -> Destination:
    """The machine with everything that ssh's configuration says of it, and those on the way.

    Args:
        wanted: The machine.
        look_up: What the configuration says of a name, by lower-case keywords; see ssh_config(5).
        user: Who to be where nobody says it.

    Raises:
        ConfigurationError: a machine on the way cannot be understood, is reached through itself, or by a command.
    """
    return _resolved(wanted, look_up, user, 0)


def _resolved(wanted: Wanted, look_up: Callable[[str], Mapping[str, Any]], user: str, depth: int) -> Destination:
    if depth > MOST_JUMPS:
        raise ConfigurationError(
            f"{wanted.name} is reached through more than {MOST_JUMPS} machines, perhaps in a circle."
        )
    said = look_up(wanted.name)
    jump = wanted.jump if wanted.jump is not None else str(said.get("proxyjump", ""))
    if wanted.jump is None and not jump and _is_said(said.get("proxycommand")):
        raise ConfigurationError(
            f"ssh's configuration reaches {wanted.name} by a ProxyCommand, which SSHChannel does not run.",
            hint="use ProxyJump or proxy_jump=, or OpenSSHChannel.",
        )
    found = Destination(
        name=wanted.name,
        hostname=str(said.get("hostname", wanted.name)),
        port=wanted.port or int(said.get("port", SSH_PORT)),
        username=wanted.username or str(said.get("user", user)),
        keys=(wanted.key,) if wanted.key is not None else _words(said.get("identityfile", ())),
        explicit=wanted.key is not None,
        agent=str(said.get("identitiesonly", "no")).lower() != "yes",
        known_hosts=_words(said.get("userknownhostsfile", ())),
        alias=said.get("hostkeyalias"),
    )
    for text in jump.split(",") if _is_said(jump) else ():
        on_the_way = parse_jump(text)
        if wanted.jump is None and on_the_way.name == wanted.name and on_the_way.port in (None, wanted.port):
            continue  # what the configuration says of all machines holds for the first one, too
        way = _resolved(on_the_way, look_up, user, depth + 1)
        # The first of several machines is reached as the configuration says; each other one through the one before.
        found = replace(found, through=way if found.through is None else replace(way, through=found.through))
    return found


def parse_jump(text: str) -> Wanted:
    """A machine on the way, written as ``[user@]host[:port]`` or ``ssh://[user@]host[:port]``.

    Raises:
        ConfigurationError: it is written in another way.
    """
    username, at, rest = text.strip().removeprefix("ssh://").rpartition("@")
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]")
        port = port.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    number = int(port) if port.isdecimal() else None
    if not host or (at and not username) or (port and (number is None or not 1 <= number <= 65535)):
        raise ConfigurationError("A machine on the way", text, "[user@]host[:port]")
    return Wanted(host, number, username or None)


def _is_said(text: object) -> bool:
    return bool(text) and str(text).strip().lower() != "none"


def _words(value: Any) -> tuple[str, ...]:
    return tuple(value.split()) if isinstance(value, str) else tuple(map(str, value))
