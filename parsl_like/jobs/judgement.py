"""A user's own ``block_error_handler``: what it is shown, and what it is given in the place of an executor."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from parsl_like.providers.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsl_like.core.ports import ElasticSession, ProviderSession
    from parsl_like.jobs.row import BlockRow


class Accused:
    """Stands for an executor before a user's handler: answers as that does, and can be failed.

    Args:
        session: The executor's session.
        fail: Fails it; called on the thread on which the handler runs.
    """

    def __init__(self, session: ElasticSession, fail: Callable[[Exception], None]) -> None:
        self._session = session
        self._fail = fail

    def set_bad_state_and_fail_all(self, exception: Exception) -> None:
        """Fail every task the executor has or gets, and end its blocks."""
        self._fail(exception)

    if not TYPE_CHECKING:  # a type checker must see a wrong name as wrong

        def __getattr__(self, name: str) -> Any:
            return getattr(self._session, name)


@dataclasses.dataclass
class BlockStatus(JobStatus):
    """The status of a block's job.

    Args:
        connected: Whether a manager of it has ever connected: then an end at its walltime is no failure.
    """

    connected: bool = False


def statuses(rows: Sequence[BlockRow], provider: ProviderSession) -> Mapping[str, BlockStatus]:
    """All blocks by id, in the order in which they were asked for, as Parsl's handlers see them."""
    status = {}
    for row in rows:
        paths = provider.output(row.job) if row.job is not None else (None, None)
        facts = (row.state, row.message, row.exit_code, *paths)
        status[str(row.block)] = BlockStatus(*facts, connected=row.ever_connected)
    return status
