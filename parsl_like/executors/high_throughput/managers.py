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
    _draining: dict[BlockId, int] = field(default_factory=dict)
    _drained: int = 0
    _usual: int = 0

    def take(self, news: ManagerNews, now: float) -> None:
        """Learn that a manager came, changed or went."""
        manager = self.live.get(news.manager)
        if self.slots:
            self._usual = self.slots_per_block
        if news.what == "connected":
            if manager is not None:
                self._leave(manager)
            self.live[news.manager] = ConnectedManager(news, now)
            self._count(BlockId(news.block), members=1)
            self.slots += news.slots
        elif news.what == "draining":
            if manager is not None and not manager.draining:
                manager.draining = True
                self.slots -= manager.news.slots
                self._count(BlockId(manager.news.block), draining=1)
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
        self._count(block, members=-1, draining=-int(manager.draining))
        if block not in self._members:
            self._idle.discard(block)

    def _count(self, block: BlockId, *, members: int = 0, draining: int = 0) -> None:
        before = self._is_drained(block)
        for counts, change in ((self._members, members), (self._draining, draining)):
            counts[block] = counts.get(block, 0) + change
            if not counts[block]:
                del counts[block]
        self._drained += self._is_drained(block) - before

    def _is_drained(self, block: BlockId) -> bool:
        return 0 < self._members.get(block, 0) == self._draining.get(block, 0)

    def idle(self, blocks: dict[str, bool]) -> None:
        """Learn which blocks hold nothing, or something again."""
        for block, idle in blocks.items():
            if idle and block in self._members:
                self._idle.add(BlockId(block))
            else:
                self._idle.discard(BlockId(block))

    def blocks_of(self, managers: Collection[bytes]) -> tuple[BlockId, ...]:
        """The blocks of some managers, of those that are connected."""
        blocks = [manager.news.block for name, manager in list(self.live.items()) if name in managers]
        return tuple(map(BlockId, dict.fromkeys(blocks)))

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
    def draining_blocks(self) -> tuple[BlockId, ...]:
        """Connected blocks that take nothing new."""
        return tuple(block for block in self.blocks if self._is_drained(block)) if self._drained else ()

    @property
    def slots_per_block(self) -> int:
        """Slots of an average block that takes tasks, or of the last ones if none does now; 0 if none ever did."""
        return self.slots // max(1, len(self._members) - self._drained) or self._usual

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
