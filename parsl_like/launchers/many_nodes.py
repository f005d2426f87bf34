"""What the launchers have in common that start copies on several nodes by another program."""

from __future__ import annotations

import dataclasses

from parsl_like.core.fields import expect_positive
from parsl_like.launchers.base import Launcher
from parsl_like.launchers.starting import START_TIMEOUT_S, Start


@dataclasses.dataclass
class ManyNodesLauncher(Launcher):
    """The base of launchers that start copies on several nodes by another program.

    Args:
        start_timeout: Seconds in which all copies have to begin; None for no limit. A block in which some have not
            ends with exit code 124, and its standard error tells on which nodes copies have begun. Nodes have to see
            the run directory.
    """

    start_timeout: float | None = dataclasses.field(
        default=START_TIMEOUT_S,
        kw_only=True,
        metadata={"help": "Seconds in which all copies have to begin; None for no limit."},
    )

    def check(self) -> None:
        """Refuse, in addition, a limit that is none."""
        super().check()
        expect_positive(self, "start_timeout", optional=True)

    def start_of(self, tool: str, tasks_per_node: int, nodes: int) -> Start:
        """A start with this launcher's limit, told of if this launcher tells."""
        return Start(tool, tasks_per_node, nodes, self.start_timeout, self.debug)
