"""Blocks on hosts that are named one by one and reached by ssh."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from parsl_like.core.unbuilt import Unbuilt
from parsl_like.providers.base import ExecutionProvider
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from parsl_like.channels.base import Channel
    from parsl_like.core.limits import BlockLimits

_ORDER = "channels worker_init cmd_timeout parallelism move_files"


@parsl_order(newest=_ORDER, legacy=_ORDER)
@dataclasses.dataclass(kw_only=True)
class AdHocProvider(Unbuilt, ExecutionProvider):
    """Describes one block on each of some hosts, without a batch system, as Parsl 1.2 had it.

    See :class:`~parsl_like.providers.base.ExecutionProvider` for the arguments that all have.
    """

    missing: ClassVar[str] = "start blocks on other hosts over ssh"
    meanwhile: ClassVar[str] = "use LocalProvider on the machine where the program runs."

    channels: Sequence[Channel] = dataclasses.field(
        default_factory=list, metadata={"help": "A channel to each host, SSHChannel('host', ...) for instance."}
    )

    @property
    def label(self) -> str:
        """The kind of batch system, for messages."""
        return "ad-hoc"

    def limits(self) -> BlockLimits:
        """As many blocks as there are hosts, from the start."""
        hosts = len(self.channels)
        return dataclasses.replace(super().limits(), init=hosts, maximum=hosts, nodes_per_block=1)
