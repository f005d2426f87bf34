"""The channel to another machine by ssh, through paramiko."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from parsl_like.channels.base import Channel
from parsl_like.core.arguments import spelled
from parsl_like.core.fields import expect, expect_path, expect_port, expect_word, own_containers
from parsl_like.errors import ConfigurationError
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    import os

    from parsl_like.channels.ssh.destination import Destination
    from parsl_like.core.ports import BlockContext, ChannelSession, RemoteChannelSession

LOGIN_S: Final = 60.0
"""How long a login may take."""
SSH_PORT: Final = 22
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _refuse_password(value: object, expected: str) -> ConfigurationError:
    """The error for a password of a wrong type; whatever it is, it may hold the secret, so it is not shown."""
    return ConfigurationError(f"SSHChannel.password is of type {type(value).__name__}; {expected}.")


@spelled()
@dataclasses.dataclass
class SSHChannel(Channel):
    """Runs commands on another machine, and brings files there and back, by ssh.

    The machine's key must be known (``~/.ssh/known_hosts``); none is ever added. What ``~/.ssh/config`` says of the
    name counts where the channel says nothing: HostName, User, Port, IdentityFile, IdentitiesOnly, HostKeyAlias,
    UserKnownHostsFile and ProxyJump. Keys, an agent and the password are tried; for a machine that asks for a code, see
    :class:`~parsl_like.channels.openssh.openssh.OpenSSHChannel`. The password is not part of what the description
    prints. Needs ``pip install 'parsl_like[ssh]'``.
    """

    hostname: str = dataclasses.field(metadata={"help": "The machine, by name or address."})
    username: str | None = dataclasses.field(
        default=None, metadata={"help": "The user there; None for what ssh's configuration says."}
    )
    password: str | None = dataclasses.field(
        default=None,
        repr=False,
        metadata={"help": "The password; None for keys and agents. Never printed.", "refusal": _refuse_password},
    )
    script_dir: str | None = dataclasses.field(
        default=None, metadata={"help": "Where a provider puts scripts there; None leaves that to the run."}
    )
    envs: Mapping[str, str] | None = dataclasses.field(
        default=None, metadata={"help": "Variables added to the environment of commands; None for none."}
    )
    gssapi_auth: bool = dataclasses.field(default=False, metadata={"help": "Whether to log in by GSSAPI (Kerberos)."})
    skip_auth: bool = dataclasses.field(
        default=False, metadata={"help": "Whether the machine takes commands without any login."}
    )
    port: int = dataclasses.field(
        default=SSH_PORT,
        metadata={"help": "The port of the machine's ssh server; 22 for what ssh's configuration says."},
    )
    key_filename: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "A private key's file; None for those that ssh would try."}
    )
    host_keys_filename: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "The file of known machines; None for ~/.ssh/known_hosts."}
    )
    tunnel: bool = dataclasses.field(
        default=False,
        metadata={"help": "Whether workers reach this program through the connection, with no open port here."},
    )
    python: str = dataclasses.field(
        default="python3", metadata={"help": "The interpreter there, for blocks and for the tunnel."}
    )
    proxy_jump: str | None = dataclasses.field(
        default=None,
        metadata={"help": "Machines on the way, 'user@host:port' with commas; None for what ssh's configuration says."},
    )
    config_filename: str | os.PathLike[str] | None = dataclasses.field(
        default=None, metadata={"help": "ssh's configuration; None for ~/.ssh/config, os.devnull for none."}
    )

    def __post_init__(self) -> None:
        own_containers(self)

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        from parsl_like.channels.ssh.destination import parse_jump

        super().check()
        expect_word(self, "hostname", "python")
        expect_word(self, "username", "proxy_jump", optional=True)
        expect_port(self, "port", optional=False)
        expect_path(self, "key_filename", "host_keys_filename", "config_filename")
        named = all(_VARIABLE.fullmatch(name) for name in self.envs or {})
        expect(self, "envs", named, "a mapping whose keys are names of variables")
        for text in (self.proxy_jump or "none").split(","):
            if text.strip().lower() != "none":
                parse_jump(text)

    def open(self) -> RemoteChannelSession:
        """A session that has logged in.

        Raises:
            UnknownHostKeyException: the machine's key is not known.
            BadHostKeyException: it is another one than the one that is known.
            AuthException: the login is not accepted.
            SSHException: the machine cannot be reached, or does not answer in time.
            OptionalModuleMissing: paramiko is not installed.
            ConfigurationError: ssh's configuration cannot be read, or paramiko cannot do what is asked for.
        """
        from parsl_like.channels.ssh.logins import Credentials
        from parsl_like.channels.ssh.session import SSHSession

        credentials = Credentials(
            password=self.password,
            gssapi=self.gssapi_auth,
            skip=self.skip_auth,
            known_hosts=None if self.host_keys_filename is None else str(self.host_keys_filename),
        )
        session = SSHSession(self._destination(), credentials, self.envs or {})
        session.log_in(LOGIN_S)
        return session

    def _destination(self) -> Destination:
        import getpass

        from parsl_like.channels.ssh.destination import Wanted, resolved

        wanted = Wanted(
            name=self.hostname,
            port=None if self.port == SSH_PORT else self.port,
            username=self.username,
            key=None if self.key_filename is None else str(self.key_filename),
            jump=self.proxy_jump,
        )
        return resolved(wanted, _configuration(self.config_filename), getpass.getuser())


def _configuration(filename: str | os.PathLike[str] | None) -> Callable[[str], Mapping[str, Any]]:
    """What looks up a name in ssh's configuration.

    Raises:
        ConfigurationError: the file that was named is not there, or it cannot be understood.
    """
    from parsl_like.channels.ssh.logins import load_paramiko

    paramiko = load_paramiko()
    path = Path("~/.ssh/config" if filename is None else filename).expanduser()
    if filename is None and not path.exists():
        return lambda name: {}
    try:
        config = paramiko.SSHConfig.from_path(str(path))
    except (OSError, paramiko.ConfigParseError) as error:
        raise ConfigurationError(f"ssh's configuration {path} cannot be read: {error}") from error

    def look_up(name: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = config.lookup(name)
        except (paramiko.SSHException, ImportError) as error:
            raise ConfigurationError(
                f"what ssh's configuration {path} says of {name} cannot be understood: {error}",
                hint="use OpenSSHChannel, which reads it as ssh does, or config_filename=os.devnull and say all here.",
            ) from error
        return found

    return look_up


@hookimpl
def parsl_like_channel_types() -> Mapping[str, type[Channel]]:
    """The channel of this module."""
    return {"SSHChannel": SSHChannel}


@hookimpl
def parsl_like_open_channel(description: Channel, context: BlockContext) -> ChannelSession | None:
    """A session for a channel of this module, None for any other."""
    del context
    return description.open() if isinstance(description, SSHChannel) else None
