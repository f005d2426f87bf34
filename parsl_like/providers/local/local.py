"""Blocks on the machine where the program runs: each is a process group led by a shell."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from parsl_like.channels.local import LocalChannel
from parsl_like.core.fields import expect
from parsl_like.core.unbuilt import is_unbuilt, refuse_unbuilt
from parsl_like.plugins.markers import hookimpl
from parsl_like.providers.base import ExecutionProvider, is_foreign
from parsl_like.providers.positional import parsl_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.core.ports import BlockContext, ProviderSession
    from parsl_like.providers.local_session import LocalProviderSession


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
    """

    status_polling_interval: ClassVar[float] = 1.0

    @property
    def connect_timeout(self) -> float:
        """A minute if nothing runs but the command, ten minutes if there is a ``worker_init``."""
        return super().connect_timeout if self.worker_init.strip() else 60.0

    def check(self) -> None:
        """Refuse, in addition, a channel that leads elsewhere; a run refuses one that is described only."""
        super().check()
        here = self.channel is None or isinstance(self.channel, LocalChannel) or is_unbuilt(self.channel)
        expect(self, "channel", here, "none: blocks are started on this machine")

    def open(self, context: BlockContext) -> LocalProviderSession:
        """A session; opening it starts nothing."""
        from parsl_like.providers.local_session import LocalProviderSession

        refuse_unbuilt(self)
        return LocalProviderSession(self, context)


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
