"""The records that are left of blocks and of decisions. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parsl_like.jobs.effects import Note

if TYPE_CHECKING:
    from parsl_like.core.limits import Decision, ExecutorLoad
    from parsl_like.jobs.ledger import Change
    from parsl_like.jobs.row import BlockRow

SAME_REASON_S = 5.0
"""Decisions to do nothing are recorded when their reason changes, but not more often than this."""


@dataclass(slots=True)
class Notes:
    """Makes the records of one executor's blocks.

    Attributes:
        label: The executor.
        last_reason: Of the last decision, in words.
    """

    label: str
    last_reason: str = ""
    _noted: tuple[str, float] = ("", float("-inf"))

    def decided(
        self,
        reason: str,
        now: float,
        scale_out: int,
        decision: Decision | None = None,
        load: ExecutorLoad | None = None,
    ) -> list[Note]:
        """What was decided, and why; nothing if the same was noted before, or something else a moment ago.

        Args:
            reason: In words.
            now: Monotonic seconds.
            scale_out: Blocks that are really asked for.
            decision: The policy's; None for blocks that no policy has decided on.
            load: What it has decided by.
        """
        self.last_reason = reason
        scale_in = decision.scale_in if decision is not None else ()
        if not scale_out and not scale_in:
            noted, when = self._noted
            if reason == noted or now - when < SAME_REASON_S:
                return []
            self._noted = (reason, now)
        fields: dict[str, Any] = {"scale_out": scale_out, "scale_in": list(scale_in), "reason": reason}
        if load is not None:
            fields |= {"outstanding": load.outstanding, "slots": load.slots, "connected": len(load.connected)}
            if load.stranded:
                fields["stranded"] = load.stranded
            if load.draining:
                fields["draining"] = list(load.draining)
        return [Note("decision", self.label, fields)]

    def changed(self, change: Change) -> Note:
        """What a block's job is now."""
        row = change.row
        fields = self._block(row)
        if row.message:
            fields["reason"] = row.message
        if row.exit_code is not None:
            fields["exit_code"] = row.exit_code
        return Note("block", row.block, fields)

    def submitted(self, row: BlockRow) -> Note:
        """A block's job has its id."""
        return Note("block", row.block, self._block(row))

    def connected(self, row: BlockRow) -> Note:
        """A manager of a block has connected."""
        return Note("block", row.block, {**self._block(row), "connected": True})

    def warning(self, text: str) -> Note:
        """Something that people should know."""
        return Note("warning", self.label, {"text": text})

    def _block(self, row: BlockRow) -> dict[str, Any]:
        return {"executor": self.label, "job": row.job, "state": row.state.name}
