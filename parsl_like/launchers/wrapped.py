"""The launcher that puts words in front of the command."""

from __future__ import annotations

import dataclasses

from parsl_like.core.arguments import spelled
from parsl_like.launchers.base import Launcher


@spelled()
@dataclasses.dataclass(init=False)
class WrappedLauncher(Launcher):
    """Runs the command once, as an argument of another: ``WrappedLauncher("apptainer exec image.sif")``.

    Args:
        prepend: Shell text; what it means to bash is kept, so quote in it what bash must not read.
        debug: As for every launcher; this one has nothing to say.
    """

    prepend: str = dataclasses.field(default="", metadata={"help": "Shell text put before the command."})

    # Written out because Parsl has ``debug`` last here, while a dataclass puts an inherited field first.
    def __init__(self, prepend: str, debug: bool = True) -> None:
        super().__init__(debug)
        self.prepend = prepend

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        """The words, a space and the command."""
        return f"{self.prepend} {command}"
