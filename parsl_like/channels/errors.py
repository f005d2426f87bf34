"""Errors of channels."""

from parsl_like.errors import ChannelError

__all__ = ["ChannelError"]
