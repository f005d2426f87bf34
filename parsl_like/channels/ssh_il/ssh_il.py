"""The channel to another machine by ssh where somebody has to answer questions to log in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from parsl_like.channels.ssh.ssh import SSHChannel
from parsl_like.core.arguments import spelled
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from parsl_like.channels.base import Channel
    from parsl_like.channels.openssh.command_lines import Login
    from parsl_like.channels.openssh.session import OpenSSHSession
    from parsl_like.core.ports import BlockContext, ChannelSession

LOGIN_S: Final = 300.0
"""How long somebody may take to log in."""


@spelled()
@dataclasses.dataclass
class SSHInteractiveLoginChannel(SSHChannel):
    """A channel by ssh whose login asks at the terminal, for a password and a code.

    The system's ``ssh`` asks, as for :class:`~parsl_like.channels.openssh.openssh.OpenSSHChannel`, which has more
    options: whatever the site wants to know, once for all executors. A password that is given answers the first
    question for one; all others are for the terminal.
    """

    gssapi_auth: bool = dataclasses.field(default=False, init=False, repr=False)
    skip_auth: bool = dataclasses.field(default=False, init=False, repr=False)
    port: int = dataclasses.field(default=22, init=False, repr=False)
    key_filename: str | os.PathLike[str] | None = dataclasses.field(default=None, init=False, repr=False)
    host_keys_filename: str | os.PathLike[str] | None = dataclasses.field(default=None, init=False, repr=False)

    def login(self) -> Login:
        """Everything that tells this login from another; the port is what ssh's configuration says."""
        from parsl_like.channels.openssh.command_lines import Login
        from parsl_like.channels.openssh.openssh import path_text

        return Login(
            hostname=self.hostname,
            username=self.username,
            proxy_jump=self.proxy_jump,
            config_filename=path_text(self.config_filename),
        )

    def open(self) -> OpenSSHSession:
        """A session, logged in, after somebody has answered all questions.

        Raises:
            BadHostKeyException: the machine's key is not known, or not the one that is known.
            AuthException: the login was not accepted, or there is no terminal to ask at.
            SSHException: the machine cannot be reached, or ssh cannot be run.
        """
        from parsl_like.channels.openssh.openssh import opened
        from parsl_like.channels.openssh.questions import Questions, Secret

        secret = None if self.password is None else Secret(self.password)
        return opened(self.login(), Questions(at_terminal=True, secret=secret), self.envs, LOGIN_S)


@hookimpl
def parsl_like_channel_types() -> Mapping[str, type[Channel]]:
    """The channel of this module."""
    return {"SSHInteractiveLoginChannel": SSHInteractiveLoginChannel}


@hookimpl
def parsl_like_open_channel(description: Channel, context: BlockContext) -> ChannelSession | None:
    """A session for a channel of this module, None for any other."""
    del context
    return description.open() if isinstance(description, SSHInteractiveLoginChannel) else None
