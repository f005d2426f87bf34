"""Channels over ssh with a login by hand, at Parsl's path."""

from parsl_like.channels.ssh_il.ssh_il import (
    SSHInteractiveLoginChannel,
    parsl_like_channel_types,
    parsl_like_open_channel,
)

__all__ = ["SSHInteractiveLoginChannel", "parsl_like_channel_types", "parsl_like_open_channel"]
