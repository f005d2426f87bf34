"""Jobs of which nobody knows whether the batch system has taken them.

A command that was killed, or that said something else than a job's id, may have submitted its job all the same. Such
a job would hold nodes, and be submitted once more for the same block; so it is looked for by its name.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from parsl_like.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from parsl_like.core.ports import CommandResult
    from parsl_like.providers.dialect import Command, Dialect
    from parsl_like.providers.job_files import JobFiles

logger = logging.getLogger(__name__)

IN_DOUBT_S = 600.0
"""How long such a job is looked for."""
AT_ONCE = 5
"""So many names are looked for in one go."""


class Doubts:
    """The names of jobs that may or may not have come to be.

    Args:
        dialect: How jobs are found.
        run: Runs one of its commands.
        end: Asks for the end of jobs; True for those that are about to end.
        now: Monotonic seconds.
    """

    def __init__(
        self,
        dialect: Dialect,
        run: Callable[[Command], CommandResult],
        end: Callable[[Sequence[str]], Mapping[str, bool]],
        now: Callable[[], float],
    ) -> None:
        self._dialect = dialect
        self._run = run
        self._end = end
        self._now = now
        self._names: dict[str, tuple[JobFiles, float]] = {}

    def adopt(self, name: str, files: JobFiles) -> str | None:
        """The id of a job of that name, if it can be found at once; else it is looked for from now on."""
        if found := self._find(name):
            return found[0]
        if self._dialect.find is not None:
            self._names[name] = files, self._now()
        return None

    def settle(self, most: int | None = AT_ONCE) -> None:
        """End those that have come to be in the meantime: their blocks have long been given up.

        Args:
            most: How many names are looked for; None for all.
        """
        for name in tuple(self._names)[:most]:
            files, since = self._names.pop(name)
            found = self._find(name)
            if found:
                logger.warning("job %s came to be after its submission had failed; it is ended", ", ".join(found))
                if all(self._end(found).values()):
                    files.remove_extra()
                    continue
            if self._now() - since <= IN_DOUBT_S:
                self._names[name] = files, since

    def _find(self, name: str) -> Sequence[str]:
        find = self._dialect.find
        if find is None:
            return ()
        try:
            result = self._run(find(name))
        except ChannelError as error:
            logger.debug("cannot look for job %s: %s", name, error)
            return ()
        return self._dialect.found(result) if result.exit_code == 0 else ()
