"""What has become of the blocks of a run: since when each is as it is, how blocks ended, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from parsl_like.core.job_states import TERMINAL_STATES, JobState
from parsl_like.core.troubles import Troubles

if TYPE_CHECKING:
    from parsl_like.core.records import Record

FAILED = frozenset(state.name for state in TERMINAL_STATES - {JobState.SCALED_IN, JobState.COMPLETED})
"""Ends of a block that nobody here asked for."""


class BlockHistory:
    """Reads the records of the jobs thread on their way. Written by that thread; any other may ask.

    Args:
        pass_on: Takes each record.
    """

    def __init__(self, pass_on: Callable[[Record], None]) -> None:
        self._pass_on = pass_on
        self._since: dict[tuple[str, str], tuple[str, float]] = {}
        self._ended: dict[str, dict[str, int]] = {}
        self._troubles: dict[str, Troubles] = {}

    def record(self, record: Record) -> None:
        """Take a record, and hand it on."""
        if record.kind == "block":
            self._note_block(str(record.fields.get("executor", "")), record)
        elif record.kind == "warning":
            self._note("warning", str(record.subject), str(record.fields.get("text", "")), record.time)
        self._pass_on(record)

    def _note_block(self, label: str, record: Record) -> None:
        block, fields = str(record.subject), record.fields
        state = str(fields.get("state", ""))
        key = (label, block)
        if state not in _OVER:
            if self._since.get(key, ("", 0.0))[0] != state:
                self._since[key] = (state, record.time)
            return
        self._since.pop(key, None)
        ended = self._ended.setdefault(label, {})
        ended[state] = ended.get(state, 0) + 1
        if state in FAILED:
            job = "no job" if fields.get("job") is None else f"job {fields['job']}"
            reason = f": {fields['reason']}" if fields.get("reason") else ""
            self._note("failed", label, f"block {block} ({job}) is {state}{reason}", record.time)

    def _note(self, kind: str, label: str, text: str, when: float) -> None:
        if label not in self._troubles:
            self._troubles[label] = Troubles()
        self._troubles[label].note(kind, text, when)

    def since(self, label: str, block: str) -> float | None:
        """Since when a live block is in its state, in seconds since the epoch."""
        return self._since.get((label, block), (None, None))[1]

    def described(self, label: str) -> dict[str, Any]:
        """How blocks of an executor ``ended``, by state, how many ``failed``, and all ``troubles``."""
        troubles = self._troubles.get(label)
        return {
            "ended": dict(self._ended.get(label, {})),
            "failures": troubles.count("failed") if troubles is not None else 0,
            "troubles": troubles.described() if troubles is not None else [],
        }

    def joined(self, supplies: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """What the jobs thread says of each executor's blocks, with this history added to it."""
        found = {}
        for label, facts in supplies.items():
            blocks = {name: {**each, "since": self.since(label, name)} for name, each in _blocks_of(facts).items()}
            found[label] = {**facts, "blocks": blocks, **self.described(label)}
        return found


_OVER = frozenset(state.name for state in TERMINAL_STATES)


def _blocks_of(facts: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    blocks: Mapping[str, Mapping[str, Any]] = facts.get("blocks", {})
    return blocks
