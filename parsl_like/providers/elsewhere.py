"""Which channels lead to where blocks can be started without a batch system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.channels.local import LocalChannel
from parsl_like.core.unbuilt import is_unbuilt

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel


def can_start_blocks(channel: Channel) -> bool:
    """Whether blocks can be started where a channel leads: here, or on a machine with an interpreter that it names."""
    return isinstance(channel, LocalChannel) or is_unbuilt(channel) or hasattr(channel, "python")
