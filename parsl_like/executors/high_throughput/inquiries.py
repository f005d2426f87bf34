"""What a program may ask of a running high-throughput executor, by the names that Parsl has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import BlockId
from parsl_like.core.job_states import JobState
from parsl_like.executors.answers import CallableInt, CallableList
from parsl_like.executors.base import DescribedSession
from parsl_like.providers.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ids import ExecutorLabel
    from parsl_like.core.ports import Attempt, BlockKeeper
    from parsl_like.core.troubles import Troubles
    from parsl_like.executors.high_throughput.managers import ConnectedManagers


class Inquiries(DescribedSession):
    """The questions; whoever derives from it has the facts. Any thread may ask."""

    label: ExecutorLabel
    keeper: BlockKeeper | None
    managers: ConnectedManagers
    troubles: Troubles
    held: dict[int, Attempt]
    error: BaseException | None

    def drain(self, blocks: Sequence[BlockId]) -> None:
        """Let blocks finish what they run, then end."""
        raise NotImplementedError

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
        for manager in self.managers.described():
            if manager["manager"] == worker_id:
                self.drain([BlockId(manager["block_id"])])

    def status(self) -> dict[str, JobStatus]:
        """The states of its live blocks, by block."""
        blocks = self._keeper_status().get("blocks", {})
        return {block: JobStatus(JobState[facts["state"]]) for block, facts in blocks.items()}

    def scale_out_facade(self, n: int) -> list[str]:
        """Ask for ``n`` more blocks, whatever the strategy thinks; they have no names yet, so the list is empty."""
        if self.keeper is not None:
            self.keeper.scale_out(str(self.label), n)
        return []

    def scale_in_facade(self, n: int, max_idletime: float | None = None) -> list[str]:
        """Let ``n`` blocks go, idle ones first; returns which.

        Args:
            n: How many.
            max_idletime: If given, only idle ones may go.
        """
        idle = list(self.managers.idle_blocks)
        others = [] if max_idletime is not None else [b for b in self.managers.blocks if b not in idle]
        chosen = [*idle, *others][:n]
        if self.keeper is not None and chosen:
            self.keeper.scale_in(str(self.label), chosen)
        return [str(block) for block in chosen]

    def _keeper_status(self) -> Mapping[str, Any]:
        return {} if self.keeper is None else self.keeper.status().get(str(self.label), {})

    @property
    def bad_state_is_set(self) -> bool:
        """Whether the executor is broken for good."""
        return self.error is not None

    @property
    def executor_exception(self) -> BaseException | None:
        """Why it is broken."""
        return self.error

    @property
    def tasks(self) -> dict[int, Attempt]:
        """Attempts handed over that have not ended."""
        return dict(self.held)
