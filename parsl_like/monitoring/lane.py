"""One sink and what it has not taken yet."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parsl_like.core.ports import MonitoringSink
    from parsl_like.core.records import Record

logger = logging.getLogger(__name__)

TRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Lane:
    """Gives records to a sink in order, keeps those it refused and offers them again.

    A sink that raises ``TRIES`` times in a row (about 16 seconds) is left out for the rest of the run. Each kind of
    error is logged once. Used by the records thread only.

    Args:
        sink: The sink.
    """

    def __init__(self, sink: MonitoringSink) -> None:
        self.name = type(sink).__name__
        self.kept: list[Record] = []
        self.lost = 0
        self.left_out = False
        self._sink = sink
        self._failures = 0
        self._retry_at = 0.0
        self._reported: set[type[BaseException]] = set()

    def write(self, records: list[Record], *, now: float, at_once: bool = False) -> None:
        """Offer records, after those the sink refused before.

        Args:
            records: New ones, none to see to the old ones only.
            now: Monotonic seconds.
            at_once: Do not wait for the time of the next try.
        """
        if self.left_out:
            self.lost += len(records)
            return
        if self.kept:
            self.kept += records
            if now < self._retry_at and not at_once:
                return
            records = self.kept
        if not records:
            return
        try:
            self._sink.write(records)
        except BaseException as error:  # noqa: BLE001 - a sink may be a plugin's, and must not end the records thread
            self._refused(list(records), error, now)
        else:
            self._failures = 0
            if self.kept:
                self.kept = []

    def pause(self, now: float) -> float | None:
        """Seconds until the next try, None if there is nothing to try again."""
        return max(0.0, self._retry_at - now) if self.kept else None

    def close(self) -> None:
        """Close the sink; says how many records it has not got."""
        self.lost += len(self.kept)
        self.kept = []
        if self.lost:
            logger.warning("%d records of this run are missing in %s", self.lost, self.name)
        try:
            self._sink.close()
        except BaseException as error:  # as above
            logger.warning("%s cannot be closed: %r", self.name, error, exc_info=error)

    def status(self) -> dict[str, Any]:
        """The sink's name, and how many records it waits for, has lost, and whether it was left out."""
        return {"name": self.name, "kept": len(self.kept), "lost": self.lost, "left_out": self.left_out}

    def _refused(self, records: list[Record], error: BaseException, now: float) -> None:
        self.kept = records
        self._failures += 1
        self._retry_at = now + min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        if self._failures >= TRIES:
            self.left_out = True
            self.lost, self.kept = self.lost + len(records), []
            logger.warning("%s failed %d times in a row and gets no more records: %r", self.name, TRIES, error)
        elif type(error) not in self._reported:
            self._reported.add(type(error))
            logger.warning("%s failed and will be tried again: %r", self.name, error, exc_info=error)
