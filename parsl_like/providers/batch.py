"""What a description of jobs of a batch system is: resources that become directives, and the system's dialect."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, ClassVar

from parsl_like.core.fields import expect, expect_positive, walltime_seconds
from parsl_like.core.unbuilt import refuse_unbuilt
from parsl_like.errors import ConfigurationError
from parsl_like.providers.base import is_foreign
from parsl_like.providers.cluster_provider import ClusterProvider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from parsl_like.core.ports import BlockContext, BlockRequest, ProviderSession
    from parsl_like.providers.batch_session import BatchSession
    from parsl_like.providers.dialect import Dialect


@dataclasses.dataclass(kw_only=True)
class BatchProvider(ClusterProvider):
    """The base of this package's providers for batch systems, and of those of plugins that speak to one likewise.

    A class that derives from it says how the system is spoken to (``dialect``) and which resources a block asks for
    (``directives``); everything else is done here and by the session. See
    :class:`~parsl_like.providers.cluster_provider.ClusterProvider` for the other arguments.

    Args:
        scheduler_options: Lines for the job's script, each beginning with the batch system's prefix. They come after
            those of this provider, so where the batch system lets the last one count, they count.
        pending_timeout: Seconds that a block may wait in the queue before it is given up; None for as long as it takes.
            A block that can never start is given up in any case as soon as the batch system says so.
    """

    scheduler_options: str = dataclasses.field(
        default="", metadata={"help": "Lines put into the job's script for the batch system."}
    )
    pending_timeout: float | None = dataclasses.field(
        default=None, metadata={"help": "Seconds that a block may wait in the queue; None for as long as it takes."}
    )

    status_polling_interval: ClassVar[float] = 30.0
    longest_name: ClassVar[int] = 60
    """Of a job, in characters."""
    streams_late: ClassVar[bool] = False
    """Whether what a job writes reaches its files only when the job is over; its script then writes to them itself."""

    # --- what a batch system's own class says --------------------------------------------------------------------

    def dialect(self) -> Dialect:
        """How the batch system is spoken to."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its batch system is spoken to")

    def directives(self, request: BlockRequest, name: str) -> Sequence[str]:
        """The resources that a block asks for, each as the rest of a line after the dialect's prefix.

        Args:
            request: The block.
            name: The job's name.

        Raises:
            ConfigurationError: a value cannot stand in such a line.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what its blocks ask for")

    def exports(self, request: BlockRequest) -> Mapping[str, str]:
        """Variables for the block's processes, in addition to those that all blocks have."""
        del request
        return {}

    exit_words: ClassVar[frozenset[int]] = frozenset()
    """Exit codes of a job that say something else to the batch system than that it has failed."""

    returning: ClassVar[str] = ""
    """What begins a line of scheduler_options that has a job run again, as a regular expression; "" if none does."""

    @property
    def may_return(self) -> bool:
        """Whether the batch system may run a job's script again after it has told it to end."""
        return bool(self.returning) and any(
            re.match(self.returning, line.strip()) for line in self.scheduler_options.splitlines()
        )

    # --- what follows from that ----------------------------------------------------------------------------------

    @property
    def lifetime(self) -> int:
        """The walltime in seconds."""
        return walltime_seconds(self.walltime)

    def header(self, request: BlockRequest, name: str) -> str:
        """The lines of a script that are for the batch system.

        Raises:
            ConfigurationError: a value cannot stand in such a line.
        """
        prefix = self.dialect().prefix
        lines = [f"{prefix} {directive}" for directive in self.directives(request, name)]
        # Last: batch systems read no further than to the first command, and this is the user's own text.
        lines += [line.strip() for line in self.scheduler_options.splitlines() if line.strip()]
        return "\n".join(lines)

    def check(self) -> None:
        """Refuse what cannot be meant, and values that cannot stand in a directive.

        Raises:
            ConfigurationError: naming the field, its value and what was expected.
        """
        super().check()
        expect_positive(self, "pending_timeout", optional=True)
        expect(self, "scheduler_options", isinstance(self.scheduler_options, str), "lines of text")
        expect(self, "scheduler_options", "\0" not in self.scheduler_options, "lines of text")
        expect(self, "walltime", self.lifetime > 0, "a time that is longer than nothing")

    def open(self, context: BlockContext) -> BatchSession:
        """A session; opening it starts nothing.

        Raises:
            ChannelError: there is no way to where the batch system is.
        """
        from parsl_like.channels.local import LocalChannel
        from parsl_like.providers.batch_session import BatchSession

        refuse_unbuilt(self)
        channel = LocalChannel() if self.channel is None else self.channel
        return BatchSession(self, channel.open(), context)


def directive_word(description: object, field: str, value: Any = None) -> str:
    """A field's value as a part of a directive.

    Args:
        description: Whose field it is.
        field: Its name.
        value: What to take in its place, if given.

    Raises:
        ConfigurationError: it would end the line, or be read as several words or as quoted text: then it might say to
            the batch system what nobody has meant.
    """
    word = str(getattr(description, field) if value is None else value)
    if not word or any(letter.isspace() or not letter.isprintable() or letter in "\"'\\" for letter in word):
        kind = type(description).__name__
        raise ConfigurationError(f"{kind}.{field}", word, "one word, without quotes, spaces or line ends")
    return word


def expect_directives(description: object, *fields: str) -> None:
    """Refuse fields whose values cannot stand in a directive; None is no value.

    Raises:
        ConfigurationError: naming the field, its value and what was expected.
    """
    for field in fields:
        if getattr(description, field) is not None:
            directive_word(description, field)


def open_batch(description: object, kind: type[BatchProvider], context: BlockContext) -> ProviderSession | None:
    """What a batch provider's hook answers: a session for a description of its kind, None for any other."""
    if isinstance(description, kind) and not is_foreign(description):
        return description.open(context)
    return None
