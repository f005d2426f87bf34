"""The channel to another machine by the system's own ssh program."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from parsl_like.channels.base import Channel
from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect, expect_path, expect_port, expect_positive, expect_word, own_containers
from parsl_like.errors import ChannelError
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    from parsl_like.channels.openssh.command_lines import Login
    from parsl_like.channels.openssh.questions import Questions
    from parsl_like.channels.openssh.session import OpenSSHSession
    from parsl_like.core.ports import BlockContext, ChannelSession


@spelled()
@dataclasses.dataclass
class OpenSSHChannel(Channel):
    """Runs commands on another machine, and brings files there, by the ``ssh`` that works in your terminal.

    One login serves everything, also several executors. So a site that asks for a password and a code asks once, at the
    terminal, when the run begins. Whatever ``~/.ssh/config`` says of the machine counts here: its name, user, keys, the
    machines on the way. The machine's key has to be known; nothing is added to the known ones.

    Needs OpenSSH 7.3 or later, not on Windows.
    """

    hostname: str = dataclasses.field(metadata={"help": "The machine, by name or address, as you would say to ssh."})
    username: str | None = dataclasses.field(
        default=None, metadata={"help": "The user there; None for what ssh's configuration says."}
    )
    script_dir: str | None = dataclasses.field(
        default=None, metadata={"help": "Where a provider puts scripts there; None leaves that to the run."}
    )
    envs: Mapping[str, str] | None = dataclasses.field(
        default=None, metadata={"help": "Variables added to the environment of commands; None for none."}
    )
    port: int | None = dataclasses.field(
        default=None, metadata={"help": "The port of the machine's ssh server; None for what ssh's configuration says."}
    )
    key_filename: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "A private key's file, and no other; None for those that ssh would try."}
    )
    host_keys_filename: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "The file of known machines; None for ssh's own."}
    )
    proxy_jump: str | None = dataclasses.field(
        default=None,
        metadata={"help": "Machines on the way, as ``user@host:port``, with commas between; None for ssh's own."},
    )
    tunnel: bool = dataclasses.field(
        default=False, metadata={"help": "Whether workers there reach this machine through the connection."}
    )
    python: str = dataclasses.field(default="python3", metadata={"help": "The Python interpreter there."})
    interactive: bool = dataclasses.field(
        default=True,
        metadata={"help": "Whether the first login may ask at the terminal, if the program has one."},
    )
    control_path: str | os.PathLike[str] | None = dataclasses.field(
        default=None,
        metadata={"help": "The control socket of a login that you make yourself; None to log in. Never logs in then."},
    )
    config_filename: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "ssh's configuration, instead of the user's and the system's."}
    )
    options: Sequence[str] = dataclasses.field(
        default=(), metadata={"help": "More options of ssh_config(5), each as ``Name=value``."}
    )
    login_timeout: float = dataclasses.field(
        default=120.0, metadata={"help": "Seconds the first login may take, with all that you have to type."}
    )
    keepalive: float = dataclasses.field(
        default=4.0,
        metadata={"help": "Seconds between questions whether the machine is there; three without answer end it."},
    )

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_word(self, "hostname", "python")
        expect(self, "hostname", not self.hostname.startswith("-"), "a machine, not an option")
        expect_word(self, "username", "proxy_jump", optional=True)
        expect_port(self, "port")
        expect_path(self, "key_filename", "host_keys_filename", "control_path", "config_filename")
        good = not isinstance(self.options, str) and all("=" in option for option in self.options)
        expect(self, "options", good, "a list of texts like 'Name=value'")
        expect_positive(self, "login_timeout", "keepalive")

    def login(self) -> Login:
        """Everything that tells this login from another."""
        from parsl_like.channels.openssh.command_lines import Login

        return Login(
            hostname=self.hostname,
            username=self.username,
            port=self.port,
            key_filename=path_text(self.key_filename),
            host_keys_filename=path_text(self.host_keys_filename),
            proxy_jump=self.proxy_jump,
            config_filename=path_text(self.config_filename),
            options=tuple(self.options),
            keepalive=self.keepalive,
            control_path=path_text(self.control_path),
        )

    def open(self) -> OpenSSHSession:
        """A session, logged in; sessions that lead to the same place share the login.

        Raises:
            BadHostKeyException: the machine's key is not known, or not the one that is known.
            AuthException: the login was not accepted.
            SSHException: the machine cannot be reached, or ssh cannot be run.
        """
        from parsl_like.channels.openssh.questions import Questions

        return opened(self.login(), Questions(at_terminal=self.interactive), self.envs, self.login_timeout)


def opened(login: Login, questions: Questions, envs: Mapping[str, str] | None, limit: float) -> OpenSSHSession:
    """A session, logged in.

    Args:
        login: Where to.
        questions: Who answers what ssh asks.
        envs: Variables added to the environment of commands.
        limit: Seconds the login may take.

    Raises:
        ChannelError: there is no way there.
    """
    from parsl_like.channels.openssh.session import OpenSSHSession

    if sys.platform == "win32":
        error = ChannelError("the ssh of Windows cannot share a login (ControlMaster)", login.target)
        error.hint = "use SSHChannel."
        raise error
    session = OpenSSHSession(login, questions, envs or {})
    session.log_in(limit)
    return session


def path_text(value: str | os.PathLike[str] | None) -> str | None:
    """A path as ssh takes it: without a tilde; None for none."""
    return None if value is None else os.path.expanduser(os.fspath(value))


@hookimpl
def parsl_like_channel_types() -> Mapping[str, type[Channel]]:
    """The channel of this module."""
    return {"OpenSSHChannel": OpenSSHChannel}


@hookimpl
def parsl_like_open_channel(description: Channel, context: BlockContext) -> ChannelSession | None:
    """A session for a channel of this module, None for any other."""
    del context
    return description.open() if isinstance(description, OpenSSHChannel) else None
