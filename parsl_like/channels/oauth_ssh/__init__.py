"""Channels over ssh with a token for the login, at Parsl's path."""

from parsl_like.channels.oauth_ssh.oauth_ssh import OAuthSSHChannel, parsl_like_channel_types, parsl_like_open_channel

__all__ = ["OAuthSSHChannel", "parsl_like_channel_types", "parsl_like_open_channel"]
