"""What a batch system says of itself, asked through the provider's own channel."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

from parsl_like.doctor.sightings import SeenSystem
from parsl_like.doctor.systems.base import complaint
from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from parsl_like.core.ports import ChannelSession
    from parsl_like.doctor.systems.base import BatchSystem, Names
    from parsl_like.providers.dialect import Dialect, JobPaths

_WHERE = 'for name in "$@"; do printf "%s\\t%s\\n" "$name" "$(command -v "$name")"; done'

_MISUSED = re.compile(r"(?i)(?:invalid|unrecognized|unknown|illegal) (?:option|argument)|usage:")
"""What a command says that another version would understand: it is no silence."""


def seen_commands(channel: ChannelSession, names: Iterable[str], timeout: float) -> dict[str, str | None]:
    """Where commands are on the other side of a channel, None for one that is not on PATH there.

    Raises:
        ChannelError: nobody could be asked.
    """
    wanted = list(dict.fromkeys(names))
    done = channel.run(["sh", "-c", _WHERE, "sh", *wanted], timeout=timeout)
    told = dict(line.partition("\t")[::2] for line in done.stdout.splitlines())
    return {name: told.get(name) or None for name in wanted}


def needed_commands(dialect: Dialect) -> list[str]:
    """The commands without which no block can be had: those that submit, ask and cancel."""
    paths = _no_job()
    commands = [dialect.submit(paths), dialect.status[-1].command(["1"]), dialect.cancel(["1"])]
    return list(dict.fromkeys(command[0] for command in commands))


def _no_job() -> JobPaths:
    from parsl_like.providers.dialect import JobPaths

    return JobPaths("/x.sh", "/x.out", "/x.err", "/", "x")


def seen_system(channel: ChannelSession, provider: Any, system: BatchSystem | None, *, local: bool) -> SeenSystem:
    """Ask a batch system for its commands, queues, accounts, qualities of service and hosts.

    Args:
        channel: The way to it.
        provider: Whose blocks they would be.
        system: How it is asked; None to look for its commands only.
        local: Whether the channel leads no further than this machine.

    Raises:
        ChannelError: there is no way to it.
    """
    timeout = provider.cmd_timeout
    needed = (list(system.commands) if system else []) or needed_commands(provider.dialect())
    asking = [] if system is None else [system.queues[0]]
    found = seen_commands(channel, [*needed, *asking], timeout)
    commands = {name: found[name] for name in needed}
    if system is None or None in found.values():
        return SeenSystem(commands)
    try:
        told = channel.run(system.queues, timeout=timeout)
    except ChannelError as error:
        return SeenSystem(commands, silence=str(error))
    if told.exit_code:
        return SeenSystem(commands, silence=None if _MISUSED.search(told.stderr) else complaint(told))
    hosts = _names(channel, system.hosts, timeout) if local else None
    return SeenSystem(
        commands,
        queues=system.read_queues(told.stdout) or None,
        accounts=_names(channel, system.accounts, timeout),
        qualities=_names(channel, system.qualities, timeout),
        here=hosts is not None and bool(hosts) and all(map(_is_this_machine, hosts)),
    )


def _names(channel: ChannelSession, question: Names | None, timeout: float) -> frozenset[str] | None:
    """The answer to a question, None if there is none: there may be no accounting, say."""
    if question is None:
        return None
    try:
        told = channel.run(question.command, timeout=timeout)
    except ChannelError:
        return None
    return question.read(told.stdout) if told.exit_code == 0 else None


def _is_this_machine(host: str) -> bool:
    from parsl_like.addresses import own_addresses

    try:
        return socket.gethostbyname(host) in own_addresses()
    except OSError:
        return False


def launcher_command(channel: ChannelSession, name: str | None, timeout: float) -> str | None:
    """Where a launcher's command is, None if it is not on PATH, or if it has none."""
    found: Mapping[str, str | None] = {} if name is None else seen_commands(channel, [name], timeout)
    return found.get(name or "")


def where_python_is(channel: ChannelSession, provider: Any) -> str | None:
    """Where the interpreter is that a channel to another machine names; None if it is not there, or none is named."""
    return launcher_command(channel, getattr(provider.channel, "python", None), provider.cmd_timeout)
