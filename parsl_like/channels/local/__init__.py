"""The channel to where the program itself runs; the module inside has Parsl's path."""

from parsl_like.channels.local.local import (
    LocalChannel,
    LocalChannelSession,
    parsl_like_channel_types,
    parsl_like_open_channel,
)

__all__ = ["LocalChannel", "LocalChannelSession", "parsl_like_channel_types", "parsl_like_open_channel"]
