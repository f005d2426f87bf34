"""Sessions that say themselves when something has become of a job, so that nobody has to ask all the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from parsl_like.core.ports import ProviderSession

if TYPE_CHECKING:
    from collections.abc import Callable


@runtime_checkable
class AnnouncingSession(ProviderSession, Protocol):
    """A provider's session that may announce changes.

    An announcement names no job and may come too often: it is answered with one question for the state of all jobs.
    Jobs are asked after without one, too, but seldom.
    """

    def when_changed(self, tell: Callable[[], None]) -> bool:
        """Have a function called, from any thread, when the state of a job of a run may have changed.

        Called once, before the first job is submitted.

        Args:
            tell: Costs next to nothing and may be called until ``close`` returns.

        Returns:
            Whether it will be: False where the system cannot tell.
        """
        ...
