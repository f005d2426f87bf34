"""The launcher that adds nothing."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.base import Launcher


@spelled()
@dataclasses.dataclass
class SimpleLauncher(Launcher):
    """Runs the command once, as it is, on the node where the block's script runs, however many nodes there are."""

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """The command itself."""
        return command
