"""What the driver knows of an executor's managers, from the interchange's news."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parsl_like.core.ids import BlockId

if TYPE_CHECKING:
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
    lost: int = 0
    ended: int = 0
    refused: int = 0
    last_trouble: str = ""
    _idle: dict[BlockId, bool] = field(default_factory=dict)
    slots: int = 0
    blocks: tuple[BlockId, ...] = ()

    def take(self, news: ManagerNews, now: float) -> None:
        """Learn that a manager came, changed or went."""
        if news.what == "connected":
            self.live[news.manager] = ConnectedManager(news, now)
        elif news.what == "draining":
            if news.manager in self.live:
                self.live[news.manager].draining = True
        else:
            self.live.pop(news.manager, None)
            self.lost += news.what == "lost"
            self.ended += news.what == "ended"
            self.refused += news.what == "refused"
            if news.what != "ended":
                self.last_trouble = f"manager {news.manager.decode()} on {news.hostname} {news.what}: {news.reason}"
        managers = [m for m in self.live.values() if not m.draining]
        self.slots = sum(m.news.slots for m in managers)
        self.blocks = tuple(dict.fromkeys(BlockId(m.news.block) for m in self.live.values()))
        self._idle = {block: idle for block, idle in self._idle.items() if block in self.blocks}

    def idle(self, blocks: dict[str, bool]) -> None:
        """Learn which blocks hold nothing, or something again."""
        self._idle = {**self._idle, **{BlockId(block): idle for block, idle in blocks.items()}}

    @property
    def idle_blocks(self) -> tuple[BlockId, ...]:
        """Connected blocks that hold nothing."""
        idle = self._idle
        return tuple(block for block in self.blocks if idle.get(block, False))

    @property
    def slots_per_block(self) -> int:
        """Slots of an average connected block, 0 if there is none."""
        return self.slots // len(self.blocks) if self.blocks else 0

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

    def health(self) -> dict[str, Any]:
        """Counts for people."""
        return {
            "managers": len(self.live),
            "lost": self.lost,
            "ended": self.ended,
            "refused": self.refused,
            "last_trouble": self.last_trouble or None,
        }
