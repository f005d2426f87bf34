"""Notices that tasks wait for workers that nobody brings, while the run goes on.

The kernel's owner thread looks here before it sleeps: at most once a second while there is something to do, and at the
time when a warning will be due. A run in which nothing happens is not looked at.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parsl_like.core.troubles import Troubles

if TYPE_CHECKING:
    from parsl_like.core.events import RawEvent
    from parsl_like.core.ports import ExecutorSession

logger = logging.getLogger(__name__)

STALL_S = 60.0
"""Tasks may wait for so long without a connected worker before that is worth a word."""
AGAIN_S = 600.0
"""A warning of one executor is not repeated sooner."""
LOOK_S = 1.0

PENDING_STATES = frozenset({"PENDING", "HELD", "UNKNOWN"})
"""States of a block that is still to come; how long it waits in a batch system's queue is not ours to say."""


@dataclass(slots=True)
class Waiting:
    """Tasks of one executor that wait in vain; monotonic seconds, and those of the epoch for people."""

    since: float
    wall: float
    due: float


class StallWatch:
    """Polled by the kernel's loop like an executor, though it runs nothing.

    Args:
        blocks: What is known of the blocks of each executor: that of ``dfk.status()["blocks"]``.
        warn: Told the executor, the text and what to try; on the owner thread, so it must not wait.
        monotonic: The time.
        wall: The time for people.
    """

    label = "_stalls"

    def __init__(
        self,
        blocks: Callable[[], Mapping[str, Mapping[str, Any]]],
        warn: Callable[[str, str, str], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._blocks = blocks
        self._warn = warn
        self._monotonic = monotonic
        self._wall = wall
        self._sessions: dict[str, ExecutorSession] = {}
        self._waiting: dict[str, Waiting] = {}
        self._quiet_until: dict[str, float] = {}
        self._look_at = -math.inf
        self._due = math.inf
        self._looked = False
        self.troubles: dict[str, Troubles] = {}

    def add(self, session: ExecutorSession) -> None:
        """Watch one more executor."""
        self._sessions[str(session.label)] = session

    def since(self, label: str) -> float | None:
        """Since when tasks of an executor wait without any worker, in seconds since the epoch; None if none do."""
        waiting = self._waiting.get(label)
        return None if waiting is None else waiting.wall

    # --- as the loop sees it

    def fds(self) -> Sequence[int]:
        """None."""
        return ()

    def pump(self) -> Sequence[RawEvent]:
        """Look, if it is time for a warning; there are never any events."""
        self._looked = self._due < math.inf and (now := self._monotonic()) >= self._due
        if self._looked:
            self._look(now)
        return ()

    def deadline(self) -> float:
        """When it wants to look again, in monotonic seconds."""
        now = self._monotonic()
        if self._looked:  # in a pass that did nothing else, or there would have been another one
            return self._due
        if now < self._look_at:
            return min(self._due, self._look_at)
        self._look(now)
        return self._due

    # --- looking

    def _look(self, now: float) -> None:
        self._look_at = now + LOOK_S
        for label, session in tuple(self._sessions.items()):
            try:
                load = session.load()
            except Exception:  # an executor, perhaps foreign, that cannot say how it is: it is left alone
                logger.exception("executor %s failed while it was asked for its load", label)
                del self._sessions[label]
                self._end(label, now)
                continue
            if not load.outstanding or load.slots:
                self._end(label, now)
                continue
            waiting = self._waiting.get(label)
            if waiting is None:
                due = max(now + STALL_S, self._quiet_until.get(label, 0.0))
                waiting = self._waiting[label] = Waiting(now, self._wall(), due)
            if now >= waiting.due:
                self._judge(label, waiting, load.outstanding, now)
        self._due = min((waiting.due for waiting in self._waiting.values()), default=math.inf)

    def _end(self, label: str, now: float) -> None:
        waiting = self._waiting.pop(label, None)
        if waiting is not None and now - waiting.since >= STALL_S:
            text = f"tasks waited for {now - waiting.since:.0f} s without any worker"
            self.troubles.setdefault(label, Troubles()).note("stalled", text, self._wall())

    def _judge(self, label: str, waiting: Waiting, outstanding: int, now: float) -> None:
        facts = self._blocks().get(label)
        verdict = explain(facts, self._wall())
        if verdict is None:
            waiting.due = now + STALL_S
            return
        waiting.due = self._quiet_until[label] = now + AGAIN_S
        cause, hint = verdict
        waited = now - waiting.since
        text = f"{outstanding} task(s) have waited for {waited:.0f} s and no worker is connected; {cause}"
        self._warn(label, text, hint)


def explain(facts: Mapping[str, Any] | None, now: float) -> tuple[str, str] | None:
    """Why no worker comes, and what to try; None as long as one may be on its way.

    Args:
        facts: The executor's part of ``dfk.status()["blocks"]``; None if it gets no blocks from a provider.
        now: Seconds since the epoch.
    """
    if facts is None:
        return "it gets no blocks from a provider", "start workers for it, or give it a provider."
    blocks = facts.get("blocks", {})
    if any(each["state"] in PENDING_STATES or _may_still_connect(each, now) for each in blocks.values()):
        return None
    if blocks and all(each.get("connected") for each in blocks.values()):
        return "the managers that are connected take no more tasks", "wait, or raise max_blocks of the provider."
    if blocks:
        name, each = next((name, each) for name, each in blocks.items() if not each.get("connected"))
        return (
            f"block {name} (job {each.get('job')}) runs, but no manager of it has connected",
            "read the block's .err file in submit_scripts; give the executor an address= that its nodes can reach.",
        )
    if trouble := facts.get("trouble"):
        return f"no block is starting, and the last one had trouble: {trouble}", "read submit_scripts/*.err."
    _, most = facts.get("limits", (0, 1))
    hint = (
        "raise max_blocks of the provider."
        if most == 0
        else "look at init_blocks, max_blocks and Config(strategy=...)."
    )
    return f"no block is starting: {facts.get('decision') or 'none was asked for'}", hint


def _may_still_connect(block: Mapping[str, Any], now: float) -> bool:
    """Whether a block has only just begun to run."""
    if block.get("connected"):
        return False
    since = block.get("since")
    return since is not None and abs(now - since) < STALL_S
