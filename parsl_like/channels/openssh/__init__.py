"""The channel by the system's own ssh, with one login for everything."""

from parsl_like.channels.openssh.openssh import OpenSSHChannel, parsl_like_channel_types, parsl_like_open_channel

__all__ = ["OpenSSHChannel", "parsl_like_channel_types", "parsl_like_open_channel"]
