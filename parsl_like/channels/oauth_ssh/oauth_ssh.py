"""The channel to another machine by ssh with an OAuth token in the place of a password."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from parsl_like.channels.ssh.ssh import SSH_PORT, SSHChannel
from parsl_like.core.arguments import spelled
from parsl_like.plugins.markers import hookimpl

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from parsl_like.channels.base import Channel
    from parsl_like.channels.openssh.command_lines import Login
    from parsl_like.channels.openssh.session import OpenSSHSession
    from parsl_like.core.ports import BlockContext, ChannelSession

LOGIN_S: Final = 60.0
"""How long a login may take."""


@spelled()
@dataclasses.dataclass
class OAuthSSHChannel(SSHChannel):
    """An :class:`~parsl_like.channels.ssh.ssh.SSHChannel` whose login uses a token of Globus Auth.

    The token comes from the program ``oauth-ssh-token`` of the package ``oauth-ssh``, which is needed when the channel
    is opened; the system's ``ssh`` logs in with it. Authorize the machine once: ``oauth-ssh-token authorize HOSTNAME``.

    Source: the manual of oauth-ssh, "Using Third-Party SSH Clients" (https://github.com/xsede/oauth-ssh).
    """

    password: str | None = dataclasses.field(default=None, init=False, repr=False)
    gssapi_auth: bool = dataclasses.field(default=False, init=False, repr=False)
    skip_auth: bool = dataclasses.field(default=False, init=False, repr=False)
    key_filename: str | os.PathLike[str] | None = dataclasses.field(default=None, init=False, repr=False)
    host_keys_filename: str | os.PathLike[str] | None = dataclasses.field(default=None, init=False, repr=False)

    def login(self) -> Login:
        """Everything that tells this login from another."""
        from parsl_like.channels.openssh.command_lines import Login
        from parsl_like.channels.openssh.openssh import path_text

        return Login(
            hostname=self.hostname,
            username=self.username,
            port=None if self.port == SSH_PORT else self.port,
            proxy_jump=self.proxy_jump,
            config_filename=path_text(self.config_filename),
            options=("PreferredAuthentications=keyboard-interactive",),
        )

    def open(self) -> OpenSSHSession:
        """A session, logged in with a token.

        Raises:
            ChannelError: there is no oauth-ssh-token here, or it has no token for the machine.
            BadHostKeyException: the machine's key is not known, or not the one that is known.
            AuthException: the token was not accepted.
            SSHException: the machine cannot be reached, or ssh cannot be run.
        """
        from parsl_like.channels.oauth_ssh.tokens import Token
        from parsl_like.channels.openssh.openssh import opened
        from parsl_like.channels.openssh.questions import Questions

        questions = Questions(pattern="*[Tt]oken*", secret=Token(self.hostname))
        return opened(self.login(), questions, self.envs, LOGIN_S)


@hookimpl
def parsl_like_channel_types() -> Mapping[str, type[Channel]]:
    """The channel of this module."""
    return {"OAuthSSHChannel": OAuthSSHChannel}


@hookimpl
def parsl_like_open_channel(description: Channel, context: BlockContext) -> ChannelSession | None:
    """A session for a channel of this module, None for any other."""
    del context
    return description.open() if isinstance(description, OAuthSSHChannel) else None
