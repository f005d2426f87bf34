"""What an executor's blocks leave behind: records, lines in the log, and a snapshot of how they do."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from parsl_like.core.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parsl_like.core.ports import Clock
    from parsl_like.jobs.controller import BlockController
    from parsl_like.jobs.effects import Note

logger = logging.getLogger(__name__)

SAME_TROUBLE_S = 60.0
"""Trouble that is told in the same words is told once in this time."""


class Chronicle:
    """Tells of one executor's blocks; on the jobs thread.

    Args:
        label: The executor.
        record: Takes records.
        clock: The time.

    Attributes:
        snapshot: Its live blocks, limits, the last decision and the last trouble, as plain data. Replaced, never
            changed, so any thread may read it.
    """

    def __init__(self, label: str, record: Callable[[Record], None], clock: Clock) -> None:
        self._label = label
        self._record = record
        self._clock = clock
        self._told: dict[str, float] = {}
        self._shown: tuple[object, ...] = ()
        self.snapshot: Mapping[str, Any] = {}

    def note(self, note: Note) -> None:
        """Leave a record."""
        if note.kind == "warning":
            logger.warning("executor %s: %s", self._label, note.fields["text"])
        elif note.kind == "decision":
            logger.debug("executor %s: %s", self._label, note.fields)
        self._record(Record(note.kind, self._clock.wall(), note.subject, note.fields))

    def warn(self, text: str, error: Exception | None = None) -> None:
        """Leave a warning, unless the same was said a moment ago."""
        now = self._clock.monotonic()
        if now - self._told.get(text, float("-inf")) < SAME_TROUBLE_S:
            return
        self._told = {old: told for old, told in self._told.items() if now - told < SAME_TROUBLE_S}
        self._told[text] = now
        logger.warning("executor %s: %s", self._label, text, exc_info=error)
        self._record(Record("warning", self._clock.wall(), self._label, {"text": text}))

    def show(self, controller: BlockController, hanging: int) -> None:
        """Make a new snapshot, if anything in it has changed.

        Args:
            controller: The blocks.
            hanging: How many calls of their provider hang.
        """
        rows = controller.ledger.live()
        facts = tuple((row.block, row.job, row.state, row.connected, row.hopeless) for row in rows)
        outage = controller.outage
        trouble = outage.last if outage.goes_on else controller.breaker.last
        shown = facts, controller.last_decision, trouble, outage.goes_on, hanging, controller.condemned
        if shown == self._shown:
            return
        self._shown = shown
        self.snapshot = {
            "blocks": {
                str(row.block): {
                    "job": row.job,
                    "state": row.state.name,
                    "connected": row.connected,
                    **({"hopeless": row.hopeless} if row.hopeless is not None else {}),
                }
                for row in rows
            },
            "limits": (controller.limits.minimum, controller.limits.maximum),
            "decision": controller.last_decision,
            "trouble": trouble,
            "unreached": outage.goes_on,
            "hanging_calls": hanging,
            "failed": controller.condemned,
        }
