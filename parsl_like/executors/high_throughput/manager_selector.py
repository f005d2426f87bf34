"""The order in which managers with free slots are offered tasks: named by a description, applied by the interchange."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from parsl_like.core.description import Description

Order = Literal["random", "block_id"]

Managers = Mapping[bytes, Mapping[str, Any]]
"""What is known of each manager; ``block_id`` is read."""


@dataclass
class ManagerSelector(Description):
    """The base of the selectors. The interchange knows those of this module, by the name of their ``order``."""

    order: ClassVar[Order | None] = None

    def sort_managers(self, ready_managers: Managers, manager_list: Collection[bytes]) -> list[bytes]:
        """The managers of ``manager_list`` in the order in which they are offered tasks.

        Args:
            ready_managers: All connected managers.
            manager_list: Those of them that have a free slot.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say in which order managers come")


@dataclass
class RandomManagerSelector(ManagerSelector):
    """Spreads tasks evenly: any order is as likely as any other."""

    order: ClassVar[Order | None] = "random"

    def sort_managers(self, ready_managers: Managers, manager_list: Collection[bytes]) -> list[bytes]:
        """A new shuffle each time."""
        return random.sample(list(manager_list), len(manager_list))


@dataclass
class BlockIdManagerSelector(ManagerSelector):
    """Fills blocks one after another, the oldest first, so that the newest fall idle and can be given back."""

    order: ClassVar[Order | None] = "block_id"

    def sort_managers(self, ready_managers: Managers, manager_list: Collection[bytes]) -> list[bytes]:
        """By block id, numbers in it taken as numbers; managers without a block come last."""
        return sorted(manager_list, key=lambda manager: block_order(ready_managers[manager].get("block_id")))


def block_order(block_id: object) -> tuple[bool, list[tuple[int, str]]]:
    """A key that sorts block ids as people count: 9 before 10, and what has no block after all others."""
    parts = re.findall(r"\d+|\D+", "" if block_id is None else str(block_id))
    return not parts, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
