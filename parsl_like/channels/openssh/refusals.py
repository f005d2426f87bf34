"""Why the system's ssh could not log in: pure functions from what it said to an error with an advice."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from parsl_like.channels.errors import AuthException, BadHostKeyException, SSHException, UnknownHostKeyException
from parsl_like.core.advice import as_command

if TYPE_CHECKING:
    from parsl_like.errors import ChannelError

KNOWN_MACHINES: Final = "~/.ssh/known_hosts"
_UNKNOWN: Final = re.compile(r"^No \S+ host key is known for (\S+) and you have requested strict checking", re.M)
_CHANGED: Final = re.compile(
    r"^(?:Host key for|\S+ host key for) (\S+) has changed and you have requested strict", re.M
)
_OFFENDING: Final = re.compile(r"^Offending .*key in (.+)$", re.M)
_REFUSED: Final = re.compile(r"Permission denied \(|Too many authentication failures|No more authentication methods")
_PERMANENT: Final = (
    "Bad configuration option",
    "Bad owner or permissions",
    "Name or service not known",
    "Unable to negotiate",
    "argument",
    "command-line",
    "hostname contains invalid characters",
    "unknown option",
    "usage:",
)
"""Words of what ends in the same way when it is tried again."""
_NOT_SENT: Final = (
    "Control socket connect",
    "Session open refused by peer",
    "mux_client_hello_exchange",
    "UNKNOWN port 65535",  # the way that leads nowhere
    "read from master failed",  # what a command is comes through its input, which is read after this
)

_ABOUT_LOGINS: Final = (
    "\ngive username= and key_filename=, or add the key to the agent (ssh-add). If the site asks for a code or a "
    "password: start the program in a terminal, or log in by hand and give control_path=."
)


def refusal(said: str, hostname: str, known: str = KNOWN_MACHINES, by_hand: str | None = None) -> ChannelError:
    """The error for a login that failed.

    Args:
        said: What ssh wrote.
        hostname: The machine.
        known: The file of known machines.
        by_hand: What to type to log in by hand; None for what the machine's name alone comes to.
    """
    try_it = see_whether(by_hand or f"ssh {hostname}")
    if found := _CHANGED.search(said):
        return _changed(found[1], said, hostname, known)
    if found := _UNKNOWN.search(said):
        hint = _how_to_add(found[1], known)
        return UnknownHostKeyException(f"{found[1]} is not among the known machines", hostname, hint=hint)
    words = last_words(said)
    if "Host key verification failed" in said:
        return BadHostKeyException(words, hostname, hint=_how_to_add(hostname.rpartition("@")[2], known))
    if _REFUSED.search(said):
        return AuthException(words, hostname, hint=f"{try_it}{_ABOUT_LOGINS}")
    transient = not any(permanent in said for permanent in _PERMANENT)
    return SSHException(words, hostname, transient=transient, hint=try_it)


def see_whether(command: str) -> str:
    """The advice to try a login apart from any program."""
    return f"see whether this works in a terminal:{as_command(command)}"


def last_words(said: str, lines: int = 3) -> str:
    """The end of what ssh wrote, on one line, without decoration."""
    kept = [line.strip() for line in said.splitlines() if line.strip(" @\r")]
    return "; ".join(kept[-lines:]) or "ssh said nothing"


def was_not_sent(said: str) -> bool:
    """Whether the words of an ssh that has ended show that its command never reached the other side."""
    return any(words in said for words in _NOT_SENT)


def scan_line(name: str) -> str:
    """The command that fetches a machine's keys, from the name that ssh has for it: ``host`` or ``[host]:port``."""
    found = re.fullmatch(r"\[(.+)\]:(\d+)", name)
    return f"ssh-keyscan -p {found[2]} {found[1]}" if found else f"ssh-keyscan {name}"


def _how_to_add(name: str, known: str) -> str:
    scan = scan_line(name)
    return (
        "compare the fingerprint that this shows with the one that the site publishes:"
        f"{as_command(f'{scan} | ssh-keygen -lf -')}\nif they are the same:{as_command(f'{scan} >> {known}')}"
    )


def _changed(name: str, said: str, hostname: str, known: str) -> ChannelError:
    found = _OFFENDING.search(said)
    where = f" (in {found[1].strip()})" if found else ""
    return BadHostKeyException(
        f"{name} shows another key than the one that is known{where}",
        hostname,
        hint="ask the site: somebody may stand between you and it. If it says that its key was changed:"
        f"{as_command(f'ssh-keygen -R {shlex.quote(name)} -f {known}')}\nand {_how_to_add(name, known)}",
    )
