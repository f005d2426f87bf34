"""Blocks on hosts that are named one by one and reached by ssh."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from parsl_like.channels.base import Channel
from parsl_like.channels.local import LocalChannel
from parsl_like.core.fields import expect
from parsl_like.core.unbuilt import refuse_unbuilt
from parsl_like.errors import ConfigurationError
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.base import ExecutionProvider, is_foreign
from parsl_like.providers.elsewhere import can_start_blocks
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.core.limits import BlockLimits
    from parsl_like.core.ports import BlockContext, ProviderSession
    from parsl_like.providers.ad_hoc.session import AdHocSession

_ORDER = "channels worker_init cmd_timeout parallelism move_files"


@parsl_order(newest=_ORDER, legacy=_ORDER)
@dataclasses.dataclass(kw_only=True)
class AdHocProvider(ExecutionProvider):
    """One block on each of some hosts, without a batch system and without files that they share.

    Each host has a channel of its own, which may fail without the others. A block there goes on when its channel's
    connection is lost, and so do its workers' tasks; a host that is lost for good loses its tasks to the others.

    See :class:`~parsl_like.providers.base.ExecutionProvider` for the arguments that all have.
    """

    channels: Sequence[Channel] = dataclasses.field(
        default_factory=list, metadata={"help": "A channel to each host, SSHChannel('host', ...) for instance."}
    )

    status_polling_interval: ClassVar[float] = 3.0

    @property
    def label(self) -> str:
        """The kind of batch system, for messages."""
        return "ad-hoc"

    def limits(self) -> BlockLimits:
        """As many blocks as there are hosts, from the start."""
        hosts = len(self.channels)
        return dataclasses.replace(super().limits(), init=hosts, maximum=hosts, nodes_per_block=1)

    def check(self) -> None:
        """Refuse, in addition, channels on whose other side no block can be started, and another kind of channel.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        alone = self.channel is None or isinstance(self.channel, LocalChannel)
        expect(self, "channel", alone, "none: each host has a channel of its own, in channels")
        good = all(isinstance(channel, Channel) and can_start_blocks(channel) for channel in self.channels)
        expect(self, "channels", good, "channels to hosts, SSHChannel('host', ...) for instance")

    def open(self, context: BlockContext) -> AdHocSession:
        """A session; opening it connects to no host yet.

        Raises:
            ConfigurationError: there is no host.
        """
        from parsl_like.providers.ad_hoc.session import AdHocSession

        refuse_unbuilt(self)
        if not self.channels:
            raise ConfigurationError("AdHocProvider.channels", self.channels, "a channel to each host")
        return AdHocSession(self, context)


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"AdHocProvider": AdHocProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for an ad hoc provider, None for any other."""
    if isinstance(description, AdHocProvider) and not is_foreign(description):
        return description.open(context)
    return None
