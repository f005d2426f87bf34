"""Channels: how commands reach the machine where a batch system is. Names are resolved when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.names import resolver

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel
    from parsl_like.channels.local import LocalChannel
    from parsl_like.channels.oauth_ssh.oauth_ssh import OAuthSSHChannel
    from parsl_like.channels.openssh.openssh import OpenSSHChannel
    from parsl_like.channels.ssh.ssh import SSHChannel
    from parsl_like.channels.ssh_il.ssh_il import SSHInteractiveLoginChannel

__all__ = [
    "Channel",
    "LocalChannel",
    "OAuthSSHChannel",
    "OpenSSHChannel",
    "SSHChannel",
    "SSHInteractiveLoginChannel",
]

_HOMES: Final = {
    "Channel": "parsl_like.channels.base",
    "LocalChannel": "parsl_like.channels.local",
    "OAuthSSHChannel": "parsl_like.channels.oauth_ssh.oauth_ssh",
    "OpenSSHChannel": "parsl_like.channels.openssh.openssh",
    "SSHChannel": "parsl_like.channels.ssh.ssh",
    "SSHInteractiveLoginChannel": "parsl_like.channels.ssh_il.ssh_il",
}

if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong
    __getattr__ = resolver(__name__, _HOMES)
