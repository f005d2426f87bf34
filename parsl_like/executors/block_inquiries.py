"""What a program may ask of a running executor that lives in blocks, and order it to do, by Parsl's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parsl_like.core.job_states import JobState
from parsl_like.executors.base import DescribedSession
from parsl_like.providers.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.core.ids import ExecutorLabel
    from parsl_like.core.limits import ExecutorLoad
    from parsl_like.core.ports import BlockKeeper


class BlockInquiries(DescribedSession):
    """The questions and orders; whoever derives from it has the facts. Any thread may ask."""

    label: ExecutorLabel
    keeper: BlockKeeper | None
    error: BaseException | None

    def load(self) -> ExecutorLoad:
        """What there is to do and to do it with."""
        raise NotImplementedError

    def status(self) -> dict[str, JobStatus]:
        """The states of its live blocks, by block."""
        blocks = self._keeper_status().get("blocks", {})
        return {block: JobStatus(JobState[facts["state"]]) for block, facts in blocks.items()}

    @property
    def status_facade(self) -> dict[str, JobStatus]:
        """The same by its newer name."""
        return self.status()

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
        load = self.load()
        idle = list(load.idle_blocks)
        others = [] if max_idletime is not None else [block for block in load.connected if block not in idle]
        chosen = [*idle, *others][:n]
        if self.keeper is not None and chosen:
            self.keeper.scale_in(str(self.label), chosen)
        return [str(block) for block in chosen]

    @property
    def bad_state_is_set(self) -> bool:
        """Whether the executor is broken for good."""
        return self.error is not None

    @property
    def executor_exception(self) -> BaseException | None:
        """Why it is broken."""
        return self.error

    def _keeper_status(self) -> Mapping[str, Any]:
        return {} if self.keeper is None else self.keeper.status().get(str(self.label), {})
