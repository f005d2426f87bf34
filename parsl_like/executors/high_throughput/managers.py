"""What the driver knows of an executor's managers, from the interchange's news."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import BlockId

if TYPE_CHECKING:
    from collections.abc import Collection

    from parsl_like.executors.high_throughput.protocol import ManagerNews


@dataclass(slots=True)
class ConnectedManager:
    """One connected manager; times in seconds since the epoch."""

    news: ManagerNews
    since: float
    draining: bool = False


@dataclass(slots=True)
class ConnectedManagers:
    """All of them, and which blocks are idle. Written by the owner thread; other threads read whole values."""

    live: dict[bytes, ConnectedManager] = field(default_factory=dict)
    ended: int = 0
    slots: int = 0
    without_slots_since: float | None = None
    _idle: set[BlockId] = field(default_factory=set)
    _members: dict[BlockId, int] = field(default_factory=dict)

    def take(self, news: ManagerNews, now: float) -> None:
        """Learn that a manager came, changed or went."""
        manager = self.live.get(news.manager)
        if news.what == "connected":
            if manager is not None:
                self._leave(manager)
            self.live[news.manager] = ConnectedManager(news, now)
            block = BlockId(news.block)
            self._members[block] = self._members.get(block, 0) + 1
            self.slots += news.slots
        elif news.what == "draining":
            if manager is not None and not manager.draining:
                manager.draining = True
                self.slots -= manager.news.slots
        else:
            if manager is not None:
                self._leave(manager)
            self.ended += news.what == "ended"
        if self.slots:
            self.without_slots_since = None
        elif self.without_slots_since is None:
            self.without_slots_since = now

    def _leave(self, manager: ConnectedManager) -> None:
        del self.live[manager.news.manager]
        if not manager.draining:
            self.slots -= manager.news.slots
        block = BlockId(manager.news.block)
        self._members[block] -= 1
        if not self._members[block]:
            del self._members[block]
            self._idle.discard(block)

    def idle(self, blocks: dict[str, bool]) -> None:
        """Learn which blocks hold nothing, or something again."""
        for block, idle in blocks.items():
            if idle and block in self._members:
                self._idle.add(BlockId(block))
            else:
                self._idle.discard(BlockId(block))

    def of_blocks(self, blocks: Collection[BlockId]) -> list[bytes]:
        """The connected managers of some blocks."""
        return [name for name, manager in self.live.items() if manager.news.block in blocks]

    @property
    def blocks(self) -> tuple[BlockId, ...]:
        """Blocks with a connected manager, in the order in which they came."""
        return tuple(self._members)

    @property
    def idle_blocks(self) -> tuple[BlockId, ...]:
        """Connected blocks that hold nothing."""
        return tuple(block for block in self.blocks if block in self._idle)

    @property
    def slots_per_block(self) -> int:
        """Slots of an average connected block, 0 if there is none."""
        return self.slots // max(1, len(self._members))

    def described(self) -> list[dict[str, Any]]:
        """One dictionary for each, with the keys that Parsl's ``connected_managers`` has."""
        return [
            {
                "manager": manager.news.manager.decode(errors="replace"),
                "block_id": manager.news.block,
                "worker_count": manager.news.slots,
                "tasks": manager.news.held,
                "idle_duration": 0.0,
                "active": not manager.draining,
                "draining": manager.draining,
                "hostname": manager.news.hostname,
                "parsl_version": manager.news.package,
                "python_version": manager.news.python,
                "connected_since": manager.since,
            }
            for manager in list(self.live.values())
        ]

    def packages(self) -> dict[str, dict[str, str]]:
        """Versions of packages, by manager and name."""
        return {m.news.manager.decode(errors="replace"): dict(m.news.packages) for m in list(self.live.values())}
