"""Blocks on the machine where the program runs, or on one to which a channel leads: process groups led by a shell."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from parsl_like.channels.local import LocalChannel
from parsl_like.core.fields import expect
from parsl_like.core.unbuilt import refuse_unbuilt
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.base import ExecutionProvider, is_foreign
from parsl_like.providers.elsewhere import can_start_blocks
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.core.ports import BlockContext, ProviderSession


@parsl_order(
    newest="nodes_per_block launcher init_blocks min_blocks max_blocks worker_init cmd_timeout parallelism",
    legacy=(
        "channel nodes_per_block launcher init_blocks min_blocks max_blocks worker_init cmd_timeout parallelism"
        " move_files"
    ),
)
@dataclasses.dataclass
class LocalProvider(ExecutionProvider):
    """Starts blocks on this machine, at once and without a batch system.

    Each block is a shell script, run in a session of its own: ending the block ends whatever it started. The script,
    its output and its exit code stay in the run's directory. See :class:`ExecutionProvider` for the arguments.

    With a channel to another machine, blocks run there. That machine needs no files of this one: the script and the
    block's keys are sent through the channel, and the end of what the block wrote comes back the same way.
    """

    status_polling_interval: ClassVar[float] = 1.0

    @property
    def connect_timeout(self) -> float:
        """A minute if nothing runs but the command, ten minutes if there is a ``worker_init``."""
        return super().connect_timeout if self.worker_init.strip() else 60.0

    def check(self) -> None:
        """Refuse, in addition, a channel on whose other side no block can be started."""
        super().check()
        good = self.channel is None or can_start_blocks(self.channel)
        expect(self, "channel", good, "none, or one to another machine such as SSHChannel")

    def open(self, context: BlockContext) -> ProviderSession:
        """A session; opening it starts nothing."""
        refuse_unbuilt(self)
        if self.channel is None or isinstance(self.channel, LocalChannel):
            from parsl_like.providers.local_session import LocalProviderSession

            return LocalProviderSession(self, context)
        from parsl_like.providers.host_session import HostSession

        return HostSession(self, self.channel, context, str(getattr(self.channel, "hostname", "there")))


@hookimpl
def parsl_like_provider_types() -> Mapping[str, type[ExecutionProvider]]:
    """The provider of this module."""
    return {"LocalProvider": LocalProvider}


@hookimpl
def parsl_like_open_provider(description: ExecutionProvider, context: BlockContext) -> ProviderSession | None:
    """A session for a local provider, None for any other."""
    if isinstance(description, LocalProvider) and not is_foreign(description):
        return description.open(context)
    return None
