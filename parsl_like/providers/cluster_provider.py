"""What the providers for batch systems share: a walltime, and commands of the batch system."""

from __future__ import annotations

import dataclasses

from parsl_like.core.fields import expect_walltime, expect_word
from parsl_like.providers.base import ExecutionProvider
from parsl_like.providers.positional import parsl_order

INSIDE_A_JOB = (
    "start the program inside a job of your own with LocalProvider, for several nodes with nodes_per_block and a"
    " launcher such as SrunLauncher or MpiExecLauncher."
)
"""What to do as long as this version cannot submit jobs itself."""


@parsl_order(
    newest="label nodes_per_block init_blocks min_blocks max_blocks parallelism walltime launcher cmd_timeout",
    legacy="label channel nodes_per_block init_blocks min_blocks max_blocks parallelism walltime launcher cmd_timeout",
)
@dataclasses.dataclass(kw_only=True)
class ClusterProvider(ExecutionProvider):
    """The base of providers for batch systems, those of this package and those of users.

    A user's class calls this constructor and has ``submit``, ``status`` and ``cancel`` of its own; see
    :class:`~parsl_like.providers.base.ExecutionProvider` for the other arguments.

    Args:
        label: The kind of batch system, for messages.
        walltime: How long a block may run, as ``"[days-]hours:minutes:seconds"``.
    """

    label: str = dataclasses.field(default="cluster", metadata={"help": "The kind of batch system, for messages."})
    walltime: str = dataclasses.field(
        default="00:10:00", metadata={"help": "How long a block may run, as '[days-]hours:minutes:seconds'."}
    )
    cmd_timeout: float = dataclasses.field(
        default=10, metadata={"help": "Seconds a command of the batch system may take."}
    )

    def check(self) -> None:
        """Refuse, in addition, a label that is none and a walltime in another form."""
        super().check()
        expect_word(self, "label")
        expect_walltime(self)

    def execute_wait(self, cmd: str, timeout: float | None = None) -> tuple[int, str, str]:
        """Run a line of shell text where the batch system is, and wait for it.

        Args:
            cmd: Text for bash.
            timeout: Seconds it may take; ``cmd_timeout`` if not given.

        Returns:
            Exit code, standard output and standard error.

        Raises:
            ChannelError: it could not be run, or took too long and was killed with everything it had started.
        """
        from parsl_like.channels.local import LocalChannel

        channel = LocalChannel() if self.channel is None else self.channel
        return channel.execute_wait(cmd, self.cmd_timeout if timeout is None else timeout)
