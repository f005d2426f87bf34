"""What a program may ask of a running high-throughput executor, by the names that Parsl has for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import BlockId
from parsl_like.core.limits import ExecutorLoad
from parsl_like.executors.answers import CallableDict, CallableInt, CallableList
from parsl_like.executors.block_inquiries import BlockInquiries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsl_like.core.ports import Attempt
    from parsl_like.core.troubles import Troubles
    from parsl_like.executors.high_throughput.managers import ConnectedManagers
    from parsl_like.executors.high_throughput.results import Arrivals

logger = logging.getLogger(__name__)


class Inquiries(BlockInquiries):
    """The questions; whoever derives from it has the facts. Any thread may ask."""

    managers: ConnectedManagers
    troubles: Troubles
    held: dict[int, Attempt]
    arrivals: dict[bytes, Arrivals]
    stranded: int = 0
    _slots_expected: int

    def drain(self, blocks: Sequence[BlockId]) -> None:
        """Let blocks finish what they run, then end."""
        raise NotImplementedError

    def load(self) -> ExecutorLoad:
        """Outstanding tasks against connected slots."""
        managers = self.managers
        return ExecutorLoad(
            self.label,
            len(self.held),
            managers.slots,
            max(1, managers.slots_per_block or self._slots_expected),
            managers.blocks,
            managers.idle_blocks,
            self.stranded,
            managers.draining_blocks,
            managers.blocks_of(self.arrivals),
        )

    def health(self) -> dict[str, Any]:
        """Facts for ``dfk.status()``: times in seconds since the epoch, ``stalled`` since when tasks wait in vain."""
        troubles, managers = self.troubles, self.managers
        return {
            "error": str(self.error) if self.error else None,
            "managers": len(managers.live),
            "ended": managers.ended,
            "lost": troubles.count("lost"),
            "refused": troubles.count("refused"),
            "restarts": troubles.count("restarted"),
            "dropped": troubles.count("dropped"),
            "strangers": troubles.count("stranger"),
            "stalled": managers.without_slots_since if self.held else None,
            "troubles": troubles.described(),
        }

    @property
    def outstanding(self) -> CallableInt:
        """Tasks handed over that have not ended, as a property and as a call."""
        return CallableInt(len(self.held))

    @property
    def connected_managers(self) -> CallableList:
        """One dictionary for each connected manager, as a property and as a call."""
        return CallableList(self.managers.described())

    def connected_blocks(self) -> list[str]:
        """Blocks with a connected manager."""
        return list(self.managers.blocks)

    def connected_managers_packages(self) -> dict[str, dict[str, str]]:
        """Versions of packages, by manager and name."""
        return self.managers.packages()

    @property
    def connected_workers(self) -> CallableInt:
        """Worker slots connected, as a property and as a call."""
        return CallableInt(self.managers.slots)

    def hold_worker(self, worker_id: str) -> None:
        """Give a manager nothing new from now on; its block ends when it has finished."""
        blocks = [BlockId(known["block_id"]) for known in self.managers.described() if known["manager"] == worker_id]
        if blocks:
            self.drain(blocks)
        else:
            logger.warning("executor %s: there is no manager %s to hold", self.label, worker_id)

    @property
    def tasks(self) -> CallableDict:
        """Attempts handed over that have not ended."""
        return CallableDict(self.held)
